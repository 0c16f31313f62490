/**
 * cli/ftp: what an operator may see of the FTP helper: sessions, counters, and the words for a
 * control connection that turns encrypted. Text that strangers have written is escaped. Cold.
 */
export { encryptedAdvice, encryptedText } from './encrypted-words.ts';
export { type FtpIo, type FtpOutput, ftpOutputs, runFtpCounters, runFtpList } from './ftp.ts';
export { bytesText, sessionText } from './sessions-text.ts';
