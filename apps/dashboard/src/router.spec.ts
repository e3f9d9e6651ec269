import { describe, expect, it } from 'vitest';
import { hrefs, routeOf } from './router.js';

describe('routeOf', () => {
  it('reads back every address the pages link to', () => {
    expect(routeOf(hrefs.runs)).toEqual({ page: 'runs', runId: null });
    expect(routeOf(hrefs.run('a/b c'))).toEqual({ page: 'runs', runId: 'a/b c' });
    expect(routeOf(hrefs.models)).toEqual({ page: 'models' });
    expect(routeOf(hrefs.version('heart-disease', 12))).toEqual({
      page: 'version',
      model: 'heart-disease',
      version: 12,
    });
    expect(routeOf(hrefs.sites)).toEqual({ page: 'sites' });
  });
  it('opens the runs without a fragment', () => {
    expect(routeOf('')).toEqual({ page: 'runs', runId: null });
  });
  it.each(['#/nothing', '#/models/a', '#/models/a/0', '#/models/a/1x', '#/models/a/1/2', '#/sites/a', '#/%E0%A4%A'])(
    'does not know %s',
    (fragment) => {
      expect(routeOf(fragment)).toEqual({ page: 'unknown' });
    },
  );
});
