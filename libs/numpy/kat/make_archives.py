"""Writes the archives that npz.spec.ts reads, with Python's own ZIP writer used as numpy.savez uses it (force_zip64)."""
import struct
import zipfile


def npy(descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin1") + data


entries = {
    "grey.npy": npy("|u1", "(2, 3)", bytes([0, 1, 2, 253, 254, 255])),
    "weights.npy": npy("<f4", "(4,)", struct.pack("<4f", -1.5, 0.0, 0.25, 3e38)),
    "labels.npy": npy("<i8", "(2, 1)", struct.pack("<2q", -1, 2**40)),
    "scalar.npy": npy("<f8", "()", struct.pack("<d", 0.1)),
}
for name, method in (("deflated.npz", zipfile.ZIP_DEFLATED), ("stored.npz", zipfile.ZIP_STORED)):
    with zipfile.ZipFile(name, "w", method) as archive:
        for entry, data in entries.items():
            info = zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            with archive.open(info, "w", force_zip64=True) as file:
                file.write(data)
