"""The CNN's answers in plain double-precision Python, from generated/model.onnx and the first test radiographs.

Scales are set to 1 + sin(i)/10, shifts to cos(i)/10 and the head's bias to 0.1, so that each of them matters.
Run in this folder after a build; writes vectors.json. Needs nothing but Python 3.
"""
import json
import math
import struct
import zipfile


def fields(data):
    """(number, value) of each field of a protobuf message; lengths as bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            size = varint()
            yield key >> 3, data[at:at + size]
            at += size
        else:
            size = 4 if key & 7 == 5 else 8
            yield key >> 3, data[at:at + size]
            at += size


def weights(path):
    graph = next(value for number, value in fields(open(path, "rb").read()) if number == 7)
    found = {}
    for tensor in (dict(fields(value)) for number, value in fields(graph) if number == 5):
        raw = tensor.get(9, b"")
        if tensor.get(2) == 1:
            found[tensor[8].decode()] = struct.unpack(f"<{len(raw) // 4}f", raw)
    return found


def convolve(planes, kernel, outputs):
    height, inputs = len(planes[0]), len(planes)
    padded = [[[0.0] * (height + 2)] + [[0.0] + row + [0.0] for row in plane] + [[0.0] * (height + 2)] for plane in planes]
    result = []
    for o in range(outputs):
        taps = [(padded[i], dy, dx, kernel[((o * inputs + i) * 3 + dy) * 3 + dx]) for i in range(inputs) for dy in range(3) for dx in range(3)]
        result.append([[sum(plane[y + dy][x + dx] * w for plane, dy, dx, w in taps) for x in range(height)] for y in range(height)])
    return result


def normalise(planes, groups):
    size = len(planes) // groups
    for group in range(groups):
        own = range(group * size, (group + 1) * size)
        values = [value for i in own for row in planes[i] for value in row]
        mean = sum(values) / len(values)
        root = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values) + 1e-5)
        for i in own:
            scale, shift = 1 + math.sin(i) / 10, math.cos(i) / 10
            planes[i] = [[max(0.0, (value - mean) / root * scale + shift) for value in row] for row in planes[i]]
    return planes


def pool(planes):
    half = range(len(planes[0]) // 2)
    return [[[max(p[2 * y][2 * x], p[2 * y][2 * x + 1], p[2 * y + 1][2 * x], p[2 * y + 1][2 * x + 1]) for x in half] for y in half] for p in planes]


def answer(image, w):
    mean = sum(image) / 784
    root = math.sqrt(sum((grey - mean) ** 2 for grey in image) / 784 + 1)
    planes = [[[(image[28 * y + x] - mean) / root for x in range(28)] for y in range(28)]]
    for name, channels, groups in (("block1", 16, 4), ("block2", 32, 8), ("block3", 64, 8)):
        planes = normalise(convolve(planes, w[f"{name}.weight"], channels), groups)
        if name != "block3":
            planes = pool(planes)
    means = [sum(map(sum, plane)) / 49 for plane in planes]
    return 1 / (1 + math.exp(-sum(m * v for m, v in zip(means, w["head.weight"])) - 0.1))


archive = zipfile.ZipFile("../data/pneumoniamnist_28_rebuilt.npz").read("test_images.npy")
start = 10 + struct.unpack("<H", archive[8:10])[0]
w = weights("../generated/model.onnx")
rows = [0, 1, 2, 3]
probability = [answer(archive[start + 784 * row:start + 784 * (row + 1)], w) for row in rows]
json.dump({"rows": rows, "probability": probability}, open("vectors.json", "w"))
