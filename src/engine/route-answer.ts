import type { Routes } from './ports.ts';

/** What the routes have answered last, kept while they are asked something else. Hot: reused. */
export class RouteAnswer {
  private outIf = -1;
  private mtu = 0;
  private hopFamily = 0;
  private hop0 = 0;
  private hop1 = 0;
  private hop2 = 0;
  private hop3 = 0;

  keep(routes: Routes): void {
    this.outIf = routes.outIf;
    this.mtu = routes.mtu;
    this.hopFamily = routes.hopFamily;
    this.hop0 = routes.hop0;
    this.hop1 = routes.hop1;
    this.hop2 = routes.hop2;
    this.hop3 = routes.hop3;
  }

  putBack(routes: Routes): void {
    routes.outIf = this.outIf;
    routes.mtu = this.mtu;
    routes.hopFamily = this.hopFamily;
    routes.hop0 = this.hop0;
    routes.hop1 = this.hop1;
    routes.hop2 = this.hop2;
    routes.hop3 = this.hop3;
  }
}
