import { eventStream, route } from './route.js';

export const eventRoutes = {
  events: route({
    method: 'GET',
    path: '/v1/events',
    access: 'viewer',
    summary: 'What changed, by id, as it changes. Readers fetch the view again.',
    answer: eventStream(
      'Server-sent events: unnamed ones whose data is an Event, and `heartbeat` so that no proxy closes a silent stream.',
    ),
  }),
};
