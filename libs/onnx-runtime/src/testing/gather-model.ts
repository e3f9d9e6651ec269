/** y = [1, 2][x] for int64 indices x, as bytes of an ONNX file: the runtime's own texts quote an index that is out of range. */
export const gatherModel = Buffer.from(
  'CAkSBmtvaW5vbjpfCh8KBXRhYmxlCgF4EgF5GghHYXRoZXJfMCIGR2F0aGVyEgFnKhUIAhABQgV0YWJsZUoIAACAPwAAAEBaEAoBeBILCgkIBxIFCgMSAU5iEAoBeRILCgkIARIFCgMSAU5CAhAS',
  'base64',
);
