import { describe, expect, it } from 'vitest';
import { serverAccount } from './account.js';

const ROOT = { uid: 0, gid: 0 };
const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\npostgres:x:101:104::/var/lib/postgresql:/bin/sh\n';

describe('serverAccount', () => {
  it('leaves an ordinary user alone', () => {
    expect(serverAccount({ uid: 1000, gid: 1000 }, '')).toBeUndefined();
  });

  it('lends root the postgres account, or nobody where there is none', () => {
    expect(serverAccount(ROOT, PASSWD)).toEqual({ uid: 101, gid: 104 });
    expect(serverAccount(ROOT, PASSWD.replace('postgres:', 'mysql:'))).toEqual({ uid: 65534, gid: 65534 });
  });

  it('follows the owner of existing data, unless that is root', () => {
    expect(serverAccount(ROOT, PASSWD, { uid: 1000, gid: 1001 })).toEqual({ uid: 1000, gid: 1001 });
    expect(serverAccount(ROOT, PASSWD, ROOT)).toEqual({ uid: 101, gid: 104 });
  });

  it('never picks an alias of root, and says what to do when nobody is left', () => {
    expect(() => serverAccount(ROOT, 'postgres:x:0:0::/:/bin/sh\n')).toThrow(
      expect.objectContaining({ code: 'ACCOUNT_MISSING' }),
    );
    expect(() => serverAccount(ROOT, 'postgres:x:::::\n')).toThrow(
      expect.objectContaining({ code: 'ACCOUNT_MISSING' }),
    );
  });
});
