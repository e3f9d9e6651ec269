import { Module } from '@nestjs/common';
import { CeremonyRelay } from './ceremony-relay.service.js';
import { KeyEpochTransitions } from './key-epoch-transitions.js';
import { KeyEpochsController } from './key-epochs.controller.js';
import { KeyEpochsService } from './key-epochs.service.js';

@Module({ providers: [KeyEpochTransitions, KeyEpochsService], exports: [KeyEpochTransitions, KeyEpochsService] })
export class KeyEpochsModule {}

@Module({ imports: [KeyEpochsModule], controllers: [KeyEpochsController], providers: [CeremonyRelay] })
export class KeyEpochsHttpModule {}
