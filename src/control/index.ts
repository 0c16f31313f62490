/**
 * control: the talk between the daemon and the command line over a unix socket: its types, its
 * framing, the side that asks and the side that answers. Cold.
 */
export { type ControlAnswer, ControlClient, ControlError } from './client.ts';
export { connectionDto, expectationDto, statsDto, tupleDto } from './dto.ts';
export { type ConnectionSubscriber, EventHub, type EventLog } from './events.ts';
export { type GatewayHost, gatewayHandler } from './gateway.ts';
export {
  LineDecoder,
  LineError,
  type LineErrorCode,
  LineWriter,
  MAX_LINE_BYTES,
} from './line-socket.ts';
export {
  type AddressMatchDto,
  type ApplyArgs,
  type ApplyItemDto,
  type BitsMatchDto,
  type CausedArgs,
  type ChangedEntryDto,
  type ConntrackChangeDto,
  type ConntrackCreateDto,
  type ConntrackDto,
  type ConntrackEventDto,
  type ConntrackFilterDto,
  type ConntrackGetArgs,
  type ConntrackListArgs,
  type ControlCommand,
  type ControlCommands,
  type ControlRequest,
  type CountedTupleDto,
  type EventCauseDto,
  type EventName,
  type ExpectCreateDto,
  type ExpectDto,
  type ExpectEventDto,
  type FileDto,
  type HelperEventDto,
  type IptablesCommandArgs,
  isControlCommand,
  type NatMatchDto,
  type NatSetDto,
  type PrintedDto,
  type RestoreArgs,
  type SaveArgs,
  type StatsDto,
  type SysctlDto,
  type TupleDto,
} from './protocol.ts';
export { RuleChanges, type RuleHost, type Schedule, type TrialEnd } from './rule-changes.ts';
export {
  type Reply,
  type RequestHandler,
  type ServeOptions,
  serveLines,
  serveStream,
} from './serve-lines.ts';
