/** The bus of the stack, in EventBridge. */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { CLIENT_DEFAULTS } from '../clients.ts';
import { eventBridgePublisher } from '../event-bridge.ts';
import { ownMeter } from '../meter.ts';
import { part } from './part.ts';

export const events = part(['HOLDFAST_EVENT_BUS'], ({ HOLDFAST_EVENT_BUS }) => ({
  events: eventBridgePublisher(ownMeter.watch(new EventBridgeClient(CLIENT_DEFAULTS)), HOLDFAST_EVENT_BUS),
}));
