/** Who uses a control connection: one object per session. */
export class Login {
  user = '';
  isLoggedIn = false;
  private former = { user: '', isLoggedIn: false };

  /** USER: whoever was logged in before is so no more, unless the server refuses. */
  name(user: string): void {
    this.former = { user: this.user, isLoggedIn: this.isLoggedIn };
    this.user = user;
    this.isLoggedIn = false;
  }

  /** The server has refused the last USER: nothing has changed. */
  nameRefused(): void {
    this.user = this.former.user;
    this.isLoggedIn = this.former.isLoggedIn;
  }

  /** A reply to USER, PASS or ACCT (RFC 959 section 5.4). */
  answered(code: number): void {
    if (code === 230 || code === 232 || code === 202) this.isLoggedIn = true;
    else if (code === 331 || code === 332) this.isLoggedIn = false;
  }

  /** REIN. */
  end(): void {
    this.name('');
    this.former = { user: '', isLoggedIn: false };
  }
}
