"""Writes vectors.json: the model in plain double-precision Python, from records.schema.json alone."""
import json, math, os

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "..", "records.schema.json")) as f:
    schema = json.load(f)
clip = schema["input"]["clip"]
features = schema["features"]
weight = [(-1) ** i * (i + 1) / 16 for i in range(len(features))]
bias = -0.25
patients = [
    [63, 1, 145, 233, 1, 150, 0, 2.3, 0, 0, 0, 0, 1],
    [28, 1, 130, 132, 0, 185, 0, 0, 1, 0, 0, 0, 1],
    [35, 0, 0, 0, 0, 60, 1, -2.6, 0, 1, 0, 1, 0],
    [77, 1, 200, 603, 1, 202, 1, 6.2, 0, 0, 1, 0, 0],
]


def probability(values):
    z = bias
    for w, v, s in zip(weight, values, features):
        z += w * max(-clip, min(clip, (v - s["centre"]) / s["halfWidth"]))
    return 1 / (1 + math.exp(-z))


with open(os.path.join(here, "vectors.json"), "w") as f:
    json.dump(
        {"weight": weight, "bias": bias, "features": patients, "probability": [probability(p) for p in patients]},
        f,
        indent=2,
    )
    f.write("\n")
