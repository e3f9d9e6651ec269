import { Module } from '@nestjs/common';
import { Authenticator } from './authenticator.js';
import { EnrolmentController } from './enrolment.controller.js';
import { EnrolmentService } from './enrolment.service.js';
import { NoncesService } from './nonces.service.js';
import { SiteRequestVerifier } from './site-request.verifier.js';
import { TokensService } from './tokens.service.js';

/** Who a request is from, and which keys a site has. */
@Module({
  controllers: [EnrolmentController],
  providers: [Authenticator, EnrolmentService, NoncesService, SiteRequestVerifier, TokensService],
  exports: [Authenticator],
})
export class IdentityHttpModule {}
