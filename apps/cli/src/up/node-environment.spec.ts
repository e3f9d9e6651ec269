import { expect, it } from 'vitest';
import { nodeEnvironment } from './node-environment.js';
import { planFrom } from './options.js';

const place = {
  home: '/home/somebody/sites/va',
  port: 7404,
  coordinatorUrl: 'http://127.0.0.1:7400',
  coordinatorKeyFingerprint: 'ab'.repeat(32),
  tokenFile: '/home/somebody/sites/va/enrolment.token',
};

it('gives a node its own records and the budget of the plan', () => {
  const plan = planFrom({ format: 'text', epsilon: 0.5 });
  expect(nodeEnvironment('va', plan, place)).toMatchObject({
    KOINON_SITE: 'va',
    KOINON_DATA_FILE: plan.files['va'],
    KOINON_SPLIT_CENTRE: 'va',
    KOINON_PORT: '7404',
    KOINON_EPSILON_BUDGET: '0.5',
    KOINON_DELTA: String(plan.spec.privacy.delta),
    KOINON_INSECURE_DETERMINISTIC: '0',
  });
});

it('switches the budget off by name where the plan trains without noise', () => {
  const environment = nodeEnvironment('va', planFrom({ format: 'text', epsilon: 'off' }), place);
  expect(environment['KOINON_EPSILON_BUDGET']).toBe('off');
});
