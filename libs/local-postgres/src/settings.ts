/** Connections for the coordinator, the worker, their queues and a few people with psql. */
const MAX_CONNECTIONS = 60;

/**
 * Server settings, given on the command line so that an old data directory follows a new release.
 * Durability (fsync, synchronous_commit, full_page_writes) stays at PostgreSQL's safe defaults on purpose.
 */
export function serverSettings(port: number): string[] {
  const settings: Record<string, string | number> = {
    port,
    listen_addresses: '127.0.0.1',
    // No socket file: loopback with a password is the only way in, and a path can be too long for a socket.
    unix_socket_directories: '',
    max_connections: MAX_CONNECTIONS,
    shared_buffers: '32MB',
    huge_pages: 'off',
    // Each I/O worker is a process; a laptop's load needs none.
    io_method: 'sync',
    jit: 'off',
    max_parallel_workers: 0,
    // Nobody replicates from here, so the log carries only what crash recovery needs.
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_wal_size: '256MB',
    min_wal_size: '32MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
