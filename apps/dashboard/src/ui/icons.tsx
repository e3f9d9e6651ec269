/** Line icons on a 16-unit grid; they take the colour of the text and are hidden from assistive technology. */
const paths = {
  copy: 'M5.5 5.5v-2a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2M3.5 5.5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z',
  check: 'M3 8.5l3.2 3.2L13 4.8',
  cross: 'M4 4l8 8M12 4l-8 8',
  download: 'M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13.5h10',
  arrow: 'M3 8h10M9 4l4 4-4 4',
  key: 'M10 9a3 3 0 1 0-2.8-2L2.5 11.700v1.800h2v-1.500h1.500v-1.500h1.200L8.400 9.300A3 3 0 0 0 10 9zM10.600 5.400v0',
  alert: 'M8 2.200L14.300 13.300H1.700zM8 6.300v3.200M8 11.500v.1',
} as const;

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** Several sites, one thing in common. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d="M6 6l6 6M18 6l-6 6M6 18l6-6M18 18l-6-6" />
      <circle cx="12" cy="12" r="3.2" />
      <circle cx="5" cy="5" r="2.2" />
      <circle cx="19" cy="5" r="2.2" />
      <circle cx="5" cy="19" r="2.2" />
      <circle cx="19" cy="19" r="2.2" />
    </svg>
  );
}
