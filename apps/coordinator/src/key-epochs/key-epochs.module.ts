import { Module } from '@nestjs/common';
import { CeremonyInbox } from './ceremony-inbox.service.js';
import { CeremonyPosts } from './ceremony-posts.service.js';
import { KeyEpochTransitions } from './key-epoch-transitions.js';
import { KeyEpochsController } from './key-epochs.controller.js';
import { KeyEpochsService } from './key-epochs.service.js';

@Module({ providers: [KeyEpochTransitions, KeyEpochsService], exports: [KeyEpochTransitions, KeyEpochsService] })
export class KeyEpochsModule {}

@Module({ imports: [KeyEpochsModule], controllers: [KeyEpochsController], providers: [CeremonyInbox, CeremonyPosts] })
export class KeyEpochsHttpModule {}
