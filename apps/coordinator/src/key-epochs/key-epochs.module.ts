import { Module } from '@nestjs/common';
import { CeremonyRelay } from './ceremony-relay.service.js';
import { EpochTransitions } from './epoch-transitions.js';
import { EpochsController } from './epochs.controller.js';
import { KeyEpochsService } from './key-epochs.service.js';

@Module({ providers: [EpochTransitions, KeyEpochsService], exports: [EpochTransitions, KeyEpochsService] })
export class KeyEpochsModule {}

@Module({ imports: [KeyEpochsModule], controllers: [EpochsController], providers: [CeremonyRelay] })
export class KeyEpochsHttpModule {}
