"""Small files of the true formats."""

import gzip
import io
import json
import struct
import tarfile

import numpy as np


def idx(array):
    """The bytes of an IDX file."""
    array = np.asarray(array, np.uint8)
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8)


def grey_arrays(classes=10, first=0):
    train, test = (first + np.arange(count) % classes for count in (30, 12))
    return pictures(30), train, pictures(12, seed=1), test


def write_grey(folder, arrays, names, zipped=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, arrays, strict=True):
        content = idx(array)
        (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)


def cifar_records(count, seed):
    records = np.random.default_rng(seed).integers(0, 256, (count, 3073), np.uint8)
    records[:, 0] = np.arange(count) % 10
    return records


def cifar_files():
    names = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
    return {name: cifar_records(20, seed).tobytes() for seed, name in enumerate(names)}


def tar_bytes(files, prefix="cifar-10-batches-bin/"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def examples(count, seed, grain=255):
    generator = np.random.default_rng(seed)
    images = generator.integers(0, grain + 1, (count, 784)) / grain
    return {"x": images.tolist(), "y": generator.integers(0, 62, count).tolist()}


def write_leaf(path, writers):
    """One LEAF file of these {writer: examples}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = [len(content["y"]) for content in writers.values()]
    path.write_text(json.dumps({"users": list(writers), "num_samples": counts, "user_data": writers}))
