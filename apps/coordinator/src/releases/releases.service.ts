import { Inject, Injectable } from '@nestjs/common';
import { PROTOCOL, releaseStatement, type Federation, type Metrics, type ReleaseStatement } from '@koinon/contracts';
import { signStatement, type Signer } from '@koinon/signing';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../platform/audit/audit.service.js';
import { AliasesService } from '../registry/aliases.service.js';
import { ModelAliasRow, ModelVersionRow } from '../registry/registry.entities.js';
import { EventsService } from '../platform/events/events.service.js';
import { COORDINATOR_KEY } from '../platform/coordinator-key.js';
import { passesGate, type Rival } from './gate.js';

const VALID_FOR_MS = 90 * 86_400_000;

/** The last version of a run that has ended well. */
export interface Candidate {
  readonly model: string;
  readonly version: number;
  readonly metrics: Metrics | null;
  readonly promotion: Federation['promotion'];
  readonly runId: string;
}

/** Points an alias at a version and signs that as a release; nodes follow the alias. */
@Injectable()
export class ReleasesService {
  constructor(
    @Inject(COORDINATOR_KEY) private readonly signer: Signer,
    private readonly aliases: AliasesService,
    private readonly audit: AuditService,
    private readonly events: EventsService,
  ) {}

  /** Promotes a finished run's last version if the federation's gate lets it through. */
  async promote(m: EntityManager, candidate: Candidate): Promise<void> {
    const {
      model,
      promotion: { alias, gate },
    } = candidate;
    const version = await m.findOneByOrFail(ModelVersionRow, { model, version: candidate.version });
    const verdict = passesGate(candidate.metrics, gate, await rivalOf(m, candidate));
    const subject = `${model}/${version.version}`;
    await this.audit.append(m, {
      actor: 'coordinator',
      action: verdict.passed ? 'release.promoted' : 'release.held',
      subject,
      detail: { alias, reason: verdict.reason },
    });
    if (!verdict.passed) return;
    const releaseCounter = await this.aliases.nextReleaseCounter(m, model);
    const now = Date.now();
    const statement: ReleaseStatement = {
      protocol: PROTOCOL,
      model,
      version: version.version,
      releaseCounter,
      sha256: version.sha256,
      bytes: version.bytes,
      issuedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + VALID_FOR_MS).toISOString(),
    };
    const release = await signStatement(releaseStatement.type, statement, this.signer);
    await this.aliases.point(m, { model, alias, version: version.version, releaseCounter, release });
    await this.events.publish(m, 'version', subject, candidate.runId);
  }
}

/** Only the alias that is promoted to may be new: every other that a gate names was there when the run started. */
async function rivalOf(
  m: EntityManager,
  {
    model,
    promotion: {
      alias,
      gate: { noWorseThan = alias },
    },
  }: Candidate,
): Promise<Rival> {
  const rival = await m.findOneBy(ModelAliasRow, { model, alias: noWorseThan });
  if (!rival) return noWorseThan === alias ? 'not there yet' : 'not evaluated';
  return (await m.findOneByOrFail(ModelVersionRow, { model, version: rival.version })).metrics ?? 'not evaluated';
}
