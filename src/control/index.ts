/**
 * control: the talk between the daemon and the command line over a unix socket: its types, its
 * framing, the side that asks and the side that answers. Cold.
 */
export { type ControlAnswer, ControlClient, ControlError } from './client.ts';
export {
  connectionDto,
  encryptedEventDto,
  expectationDto,
  statsDto,
  tupleDto,
} from './dto.ts';
export type {
  AddressMatchDto,
  BitsMatchDto,
  CausedArgs,
  ChangedEntryDto,
  ConntrackChangeDto,
  ConntrackCreateDto,
  ConntrackDto,
  ConntrackEventDto,
  ConntrackFilterDto,
  ConntrackGetArgs,
  ConntrackListArgs,
  CountedTupleDto,
  EventCauseDto,
  EventName,
  ExpectCreateDto,
  ExpectDto,
  ExpectEventDto,
  HelperEventDto,
  NatMatchDto,
  NatSetDto,
  StatsDto,
  TupleDto,
} from './entry-types.ts';
export { type ConnectionSubscriber, EventHub, type EventLog } from './events.ts';
export type {
  EncryptedEventDto,
  EndDto,
  FtpCountersDto,
  FtpDataDto,
  FtpDialogueDto,
  FtpHoleDto,
  FtpServerCountsDto,
  FtpSessionDto,
  FtpSessionsArgs,
} from './ftp-types.ts';
export { type GatewayHost, gatewayHandler } from './gateway.ts';
export {
  LineDecoder,
  LineError,
  type LineErrorCode,
  LineWriter,
  MAX_LINE_BYTES,
} from './line-socket.ts';
export {
  type ApplyArgs,
  type ApplyItemDto,
  type ControlCommand,
  type ControlCommands,
  type ControlRequest,
  type FileDto,
  type IptablesCommandArgs,
  isControlCommand,
  type PrintedDto,
  type RestoreArgs,
  type SaveArgs,
  type SysctlDto,
} from './protocol.ts';
export { RuleChanges, type RuleHost, type Schedule, type TrialEnd } from './rule-changes.ts';
export {
  type Reply,
  type RequestHandler,
  type ServeOptions,
  serveLines,
  serveStream,
} from './serve-lines.ts';
