#!/usr/bin/env python3
"""Derives hw/data/h800-sxm/kernels/*.yaml from published measurements.

    scripts/derive_h800_tables.py ../shared/reference hw/data/h800-sxm/kernels

Reads train-trace/kernels.csv (every GPU kernel of deepseek-ai/profile-data train.json) and the InferSim tables
(alibaba/InferSim bench_data). How durations become "alone" and "beside communication" is told in
docs/calibration.md and done in cell_times() below.
"""
import collections
import csv
import math
import pathlib
import re
import statistics
import sys

# op text of the trace -> (op kind, class whose ratio stands in where a cell lacks one side)
TRACE_KINDS = {
    "RMSNorm fwd": ("rms_norm", "norm"),
    "RMSNorm bwd": ("rms_norm_backward", "norm_bwd"),
    "cast bf16->fp8 1x128": ("cast_fp8", "cast"),
    "cast bf16->fp8 1x128 (save swiglu input / act)": ("cast_fp8", "cast"),
    "cast 128x1 + transpose for wgrad (bf16 in)": ("cast_transpose_fp8", "cast_transpose"),
    "cast 128x1 + transpose for wgrad (fp8 in)": ("cast_transpose_fp8", "cast_transpose"),
    "cast 128x1 + transpose for wgrad (fp8 in, row gather)": ("requantize_gather", "cast_transpose"),
    "fp8 weight transpose": ("transpose_fp8", "transpose"),
    "dequant fp8->bf16 (saved activation)": ("dequantize", "cast"),
    "cast bf16->E5M6-like special fmt (save attn out)": ("save_e5m6", "cast"),
    "special fmt->bf16 (restore attn out)": ("restore_e5m6", "cast"),
    "swiglu*weight + cast 1x128 fprop (experts)": ("swiglu_cast", "swiglu"),
    "swiglu*weight + cast 1x128 fprop (shared)": ("swiglu_cast", "swiglu"),
    "swiglu recompute + cast 128x1 + transpose (shared)": ("swiglu_cast_transpose", "swiglu"),
    "swiglu bwd (shared)": ("swiglu_backward", "swiglu"),
    "swiglu fwd recompute + bwd (experts)": ("swiglu_forward_backward", "swiglu"),
    "router weight grad (row dot)": ("router_weight_grad", "swiglu"),
    "RoPE": ("rope", "rope"),
    "MLA head copy (k/v assemble or grad split)": ("copy", "copy"),
    "k_rope broadcast to 128 heads": ("copy", "rope"),
    "residual/grad add bf16": ("residual_add", "copy"),
    "scale by const bf16": ("scale", "copy"),
    "permute/expand rows to experts (fp8+scales)": ("permute", "permute"),
    "unpermute/reduce experts (bf16)": ("unpermute", "permute"),
    "flash bwd preprocess (dO.O, zero dQacc)": ("attention_preprocess", "copy"),
    "flash bwd postprocess dQ fp32->bf16": ("attention_postprocess", "copy"),
    "act scale transpose": ("scale_transpose", "small"),
    "group top-k (node limited)": ("top_k", "small"),
    "top-k (torch sbtopk, T x 256 / groups)": ("top_k", "small"),
    "router/aux-loss/eltwise misc (torch)": ("router_misc", "small"),
    "expert count": ("router_misc", "small"),
    "expert mapping build": ("router_misc", "small"),
    "dispatch layout (count tokens per rank)": ("router_misc", "small"),
    "flash attn fwd causal 128h 192/128 S=4096": ("attention_forward", "attention"),
    "flash attn bwd causal": ("attention_backward", "attention"),
}
ROWS_SHAPES = {  # kernels whose trace shape is not "rows x cols": (rows, cols, bytes)
    ("MLA head copy (k/v assemble or grad split)", ""): (4096, 16384, 4 * 4096 * 16384),
    ("k_rope broadcast to 128 heads", ""): (4096, 8192, 2 * 4096 * 8192, "k_rope broadcast"),
    ("flash bwd preprocess (dO.O, zero dQacc)", ""): (4096, 16384, 4096 * 128 * (4 * 128 + 4 * 192)),
    ("flash bwd postprocess dQ fp32->bf16", ""): (4096, 24576, 6 * 4096 * 24576),
    ("RoPE", "T x1 heads x64"): (4096, 64, 4 * 4096 * 64),
    ("RoPE", "T x128 heads x64"): (4096, 8192, 4 * 4096 * 8192),
    # Latency-bound kernels: bytes of what they must touch. The fourth is the label, where a kernel prices no other.
    ("group top-k (node limited)", ""): (4096, 256, 4096 * 256 * 4, "group top-k"),
    ("top-k (torch sbtopk, T x 256 / groups)", ""): (4096, 256, 4096 * 256 * 4, ""),
    ("expert count", ""): (30000, 8, 30000 * 8 * 8, "expert count"),
    ("expert mapping build", ""): (240000, 4, 240000 * 4 * 8, "expert mapping"),
    ("dispatch layout (count tokens per rank)", ""): (4096, 8, 4096 * 8 * 8, "dispatch layout"),
}
FP8_WEIGHT = {  # elements of the trace's transposes -> rows x cols of the weight (ANALYSIS.md, transposed grids)
    14680064: (7168, 2048), 29360128: (4096, 7168), 117440512: None, 58720256: (28672, 2048),
    37748736: (24576, 1536), 16777216: (32768, 512), 4587520: (640, 7168), 11010048: (1536, 7168),
}


def load_kernels(path):
    rows = []
    for row in csv.DictReader(open(path)):
        rows.append({"layer": int(row["layer"]), "phase": row["phase"], "stream": row["stream"],
                     "start": float(row["start_us"]), "us": float(row["dur_us"]), "op": row["op"], "shape": row["shape"],
                     "payload": float(row["comm_overlap"] or 0), "notify": float(row["notify_overlap"] or 0),
                     "mbytes": float(row["mbytes"] or 0), "kernel": row["kernel"], "grid": row["grid"],
                     "blocks": math.prod(int(n) for n in row["grid"].split("x"))})
    # The k of the GEMM a scale transpose prepares.
    for i, row in enumerate(rows):
        following = (re.search(r" K=(\d+)", r["shape"]) for r in rows[i:] if r["stream"] == row["stream"])
        row["next_k"] = next((int(m[1]) for m in following if m), 0)
    return rows


def small_router_kernel(k):
    """Shape of a torch elementwise or reduce kernel around the router, by its grid; None for those that are copies,
    fills or gather over received tokens."""
    name, blocks = k["kernel"], k["blocks"]
    if any(w in name for w in ("Mem", "direct_copy", "Fill", "Distribution", "BFloat16")):
        return None
    if blocks >= 256:
        return 4096, 256, 4096 * 256 * 8, ""   # over [tokens, experts]
    if blocks >= 8:
        return 4096, 8, 4096 * 8 * 12, ""      # over [tokens, top_k]
    return 1, 256, 256 * 8, ""                 # one block: a vector of experts or a scalar


def shape_of(k):
    """(kind, class, shape columns) of a kernel, or None if it is communication or unnamed."""
    op, shape = k["op"], k["shape"]
    if k["stream"] == "27" and not op.startswith("dispatch layout"):
        return None
    gemm = re.match(r"M=(\d+) N=(\d+) K=([\d.]+)", shape)
    if gemm:
        m, n, kk = int(gemm[1]), int(gemm[2]), int(float(gemm[3]))
        if op.startswith("router gate"):
            return "gemm_bf16", "gemm", (m, n, kk, 1)
        if "1 of 4" in op:
            return None  # priced as one grouped op, see grouped_wgrads()
        if "m-grouped" in op:
            return "grouped_gemm_fp8", "gemm", (m, n, kk, 4)
        return ("gemm_fp8_wgrad" if op.endswith("wgrad") else "gemm_fp8"), "gemm", (m, n, kk, 1)
    if op == "misc" and "direct_copy" in k["kernel"]:  # scales of expert rows, 256 to a block
        scales = k["next_k"] // 128
        rows = k["blocks"] * 256 // scales
        return "scale_transpose", "small", (rows, scales, 2 * 4 * rows * scales)
    if op not in TRACE_KINDS:
        return None
    kind, klass = TRACE_KINDS[op]
    if op.startswith("router/") and "ReduceOp<c10::BFloat16" in k["kernel"] and k["blocks"] == 2048:
        return "copy", "rope", (4096, 8192, 2 * 4096 * (8192 + 64), "k_rope gradient reduce over heads")
    if op.startswith("router/"):
        shape = small_router_kernel(k)
        return (kind, klass, shape) if shape else None
    if kind.startswith("attention_f") or kind == "attention_backward":
        return kind, klass, ()
    for key in ((op, shape), (op, "")):
        if key in ROWS_SHAPES:
            return kind, klass, ROWS_SHAPES[key]
    if op == "fp8 weight transpose":
        elements = int(shape.split()[0])
        rows, cols = FP8_WEIGHT[elements] or ((7168, 16384) if k["phase"] == "attn(B)" else (16384, 7168))
        return kind, klass, (rows, cols, 2 * elements)
    if op == "act scale transpose":
        return kind, klass, (4096, k["next_k"] // 128, 2 * 4 * 4096 * (k["next_k"] // 128))
    match = re.match(r"(\d+)(?:->(\d+))? ?x(\d+)", shape)
    if not match:
        return None
    first, second, cols = match[1], match[2], int(match[3])
    rows = int(second or first) if kind == "permute" else int(first)
    if kind == "swiglu_cast":
        cols //= 2
    return kind, klass, (rows, cols, round(k["mbytes"] * 1e6))


def sides(cell):
    """Durations clearly alone and clearly beside a payload kernel."""
    quiet = [k["us"] for k in cell if k["payload"] < 0.05 and k["notify"] < 0.05]
    alone = quiet or [k["us"] for k in cell if k["payload"] < 0.05]
    beside = [k["us"] for k in cell if k["payload"] > 0.95]
    return alone, beside


def family(kind, shape):
    """Cells that differ only in their ragged dimension, and what to divide their time by."""
    if "gemm" in kind:
        return (kind,) + shape[1:], shape[0]
    return (kind, shape[1] if shape else 0), (shape[0] if shape else 1)


def contention_ratios(cells):
    """beside / alone: per family where both sides were seen, and per class the median over its families. Kernels under
    10 us are left out: whole microseconds say too little about them."""
    seen = collections.defaultdict(lambda: ([], []))
    for (kind, klass, shape), cell in cells.items():
        name, unit = family(kind, shape)
        for k in cell:
            alone, beside = seen[klass, name, k["phase"] if kind.startswith("rms") else ""]
            if k["us"] >= 10 and k["payload"] < 0.05 and k["notify"] < 0.05:
                alone.append(k["us"] / unit)
            if k["us"] >= 10 and k["payload"] < 0.05 and k["notify"] >= 0.05:
                seen[klass, name, "notified"][0].append(k["us"] / unit)
            if k["us"] >= 10 and k["payload"] > 0.95:
                beside.append(k["us"] / unit)
    families, classes = {}, collections.defaultdict(list)
    for (klass, name, _), (alone, beside) in seen.items():
        alone = alone or seen.get((klass, name, "notified"), ([], []))[0]
        if alone and beside:
            ratio = max(1.0, statistics.median(beside) / statistics.median(alone))
            families.setdefault(name, ratio)
            classes[klass].append(ratio)
    return families, {klass: statistics.median(r) for klass, r in classes.items()}


def cell_times(cell, ratio, sm_bound):
    """(alone, beside) in us. Both sides measured: their medians. One side: the ratio of its family, or else class. Kernels whose grid is
    every SM of the device wait for a second wave when communication, payload or notify, holds 20 of them; for those a
    notify kernel beside counts as beside."""
    if sm_bound:
        quiet = [k["us"] for k in cell if k["payload"] + k["notify"] < 0.05]
        held = [k["us"] for k in cell if k["payload"] + k["notify"] > 0.95]
        return statistics.median(quiet or held), statistics.median(held or quiet)
    alone, beside = sides(cell)
    if alone and beside:
        a, b = statistics.median(alone), statistics.median(beside)
        return a, max(a, b)
    a = statistics.median(k["us"] / (1 + (ratio - 1) * k["payload"]) for k in cell)
    return a, a * ratio


def trace_rows(kernels):
    cells = collections.defaultdict(list)
    for k in kernels:
        key = shape_of(k)
        if key:
            cells[key].append(k)
    families, ratios = contention_ratios(cells)
    out = []
    for (kind, klass, shape), cell in cells.items():
        ratio = families.get(family(kind, shape)[0], ratios.get(klass, 1.0))
        by_phase = collections.defaultdict(list)
        for k in cell:
            by_phase[k["phase"] if kind == "rms_norm" else ""].append(k)
        parts = [(cell_times(p, ratio, kind == "rms_norm_backward" and p[0]["grid"] == "132x1x1"), len(p))
                 for p in by_phase.values()]
        total = sum(n for _, n in parts)
        alone = sum(t[0] * n for t, n in parts) / total   # weighted by how often each variant runs
        beside = sum(t[1] * n for t, n in parts) / total
        out.append((kind, shape, alone, beside, total, min(k["us"] for k in cell), max(k["us"] for k in cell), cell))
    return out, ratios


def grouped_wgrads(kernels):
    """Four experts, two at a time on two streams: one op lasting from the first start to the last end."""
    windows = collections.defaultdict(list)
    for k in kernels:
        if "1 of 4" in k["op"]:
            windows[k["layer"], k["op"], k["shape"]].append(k)
    out = []
    for (_, _, shape), group in windows.items():
        m, n, kk = (int(float(x)) for x in re.findall(r"=([\d.]+)", shape))
        span = max(k["start"] + k["us"] for k in group) - min(k["start"] for k in group)
        busy = sum(k["us"] for k in group)
        payload = sum(k["us"] * k["payload"] for k in group) / busy
        out.append(((m, n, 4 * kk, 4), span, payload))
    return out


# ---------------------------------------------------------------------------------------------- writing

def number(x):
    return f"{x:.3f}".rstrip("0").rstrip(".") if isinstance(x, float) else str(x)


def table(op, source_kernel, columns, rows, sms, shape=None, source=None):
    text = f"  - op: {op}\n    kernel: {source_kernel}\n"
    if source:
        text += f"    source: {source}\n"
    text += f"    sms: {sms}\n"
    if shape:
        text += "    shape: {" + ", ".join(f"{k}: {v}" for k, v in shape.items()) + "}\n"
    text += f"    columns: [{', '.join(columns)}]\n    rows:\n"
    for row in rows:
        text += "      - [" + ", ".join(number(c) for c in row) + "]\n"
    return text


def rows_tables(kind, name, stats, entries):
    """One table for the rows that price every label, and one with a label column for the rest."""
    text = ""
    for labelled in (False, True):
        part = [e for e in entries if bool(e[0][3:] and e[0][3]) == labelled]
        body = [list(e[0] if labelled else e[0][:3]) + [float(e[1]), float(e[2]), e[3], float(e[4]), float(e[5])]
                for e in part]
        if body:
            text += table(kind, name, ["rows", "cols", "bytes"] + ["label"] * labelled + stats, body, 132)
    return text


def write_trace(reference, out):
    kernels = load_kernels(reference / "train-trace/kernels.csv")
    rows, ratios = trace_rows(kernels)
    by_kind = collections.defaultdict(list)
    for kind, shape, alone, beside, count, low, high, cell in rows:
        by_kind[kind].append((shape, alone, beside, count, low, high, cell))
    text = HEADER_TRACE.format(ratios=", ".join(f"{k} {v:.2f}" for k, v in sorted(ratios.items())))
    for kind, entries in by_kind.items():
        entries.sort(key=lambda e: e[0])
        name = '"' + re.sub(r'["\\]', "", entries[0][6][0]["kernel"])[:70] + '"'
        stats = ["time_us", "beside_us", "count", "min_us", "max_us"]
        name = name if len(set(e[6][0]["kernel"][:20] for e in entries)) == 1 else '"several; see the trace"'
        body = [list(e[0]) + [float(e[1]), float(e[2]), e[3], float(e[4]), float(e[5])] for e in entries]
        if "gemm" in kind:
            text += table(kind, name, ["m", "n", "k", "groups"] + stats, body, 112)
        elif kind.startswith("attention_f") or kind == "attention_backward":
            shape = {"batch": 1, "heads": 128, "kv_heads": 128, "q_len": 4096, "kv_len": 4096, "d_qk": 192, "d_v": 128,
                     "causal": "true"}
            text += table(kind, name, stats, body, 112, shape)
        else:
            text += rows_tables(kind, name, stats, entries)
    wgrads = []
    for shape, span, payload in grouped_wgrads(kernels):
        alone = span / (1 + (ratios["gemm"] - 1) * payload)
        wgrads.append(list(shape) + [alone, alone * ratios["gemm"], 1])
    text += table("grouped_gemm_fp8_wgrad", '"the same, k-grouped: 4 experts, two at a time on two streams"',
                  ["m", "n", "k", "groups", "time_us", "beside_us", "count"], sorted(wgrads), 112)
    (out / "train-trace-2025-03.yaml").write_text(text)


HEADER_TRACE = """\
# DeepSeek's own training kernels. Derived by scripts/derive_h800_tables.py; docs/calibration.md tells how.
# beside / alone by class, where a cell has only one side: {ratios}
schema_version: 1
device: h800-sxm
date: 2025-03-21
source: deepseek-ai/profile-data train.json @4496024, H800, EP64, 4096 tokens, 4 layers of one overlapped forward and backward
driver: not recorded
libraries: not recorded
clocks: not recorded
launch_gap: 2 us        # median gap between 909 kernels of stream 7
measured_on: {{sms: 132, bf16: 989 TFLOPS, fp8: 1979 TFLOPS, memory_rate: 3.35 TB/s, host: 64 GB/s}}
tables:
"""

HEADER_INFERSIM = """\
# Kernel times of InferSim. Derived by scripts/derive_h800_tables.py; docs/calibration.md tells how.
# Kernel time alone: no activation quantisation, no launch gap (torch profiler).
schema_version: 1
device: h800-sxm
date: 2026-05-08
source: alibaba/InferSim @f2293da bench_data/*/h800/*.csv
driver: not recorded
libraries: not recorded
clocks: not recorded
measured_on: {sms: 132, bf16: 989 TFLOPS, fp8: 1979 TFLOPS, memory_rate: 3.35 TB/s, host: 64 GB/s}
tables:
"""


def infersim(reference, name):
    return list(csv.DictReader(open(reference / "kernels/h800-tables" / name)))


def actual_rows(us, mfu, n, k):
    """Rows the benchmark really drew (each expert's mean times a draw of 0.7 to 1.3): from its mfu of 1979 TFLOPS."""
    return max(1, round(us * 1e-6 * mfu * 1979e12 / (2 * n * k)))


def grouped(reference, name):
    rows = []
    for r in infersim(reference, name):
        groups = int(r["num_local_experts"])
        for side, n, k in (("up", 4096, 7168), ("down", 7168, 2048)):
            us = float(r[f"{side}_proj_us"])
            rows.append([actual_rows(us, float(r[f"{side}_mfu"]), n, k), n, k, groups, us])
    return sorted(rows, key=lambda r: (r[1], r[3], r[0]))


# InferSim times decode attention with a host clock around FlashInfer's wrapper. Of GQA, rows under this are the host's
# time, whatever the shape (25.7 to 36.1 us where the same shapes take 12 to 33 on an H100, by aiconfigurator's tables);
# rows above it agree with the H100's. The MLA rows do so from 21 us on.
GQA_HOST_US = 36.5


def decode(reference, name, least=0.0):
    """Rows (batch, kv_len, us); a row slower by a quarter than one of more work at the same batch is a failed
    measurement and left out, and so is one under `least`."""
    rows = [(int(r["batch_size"]), int(r["kv_len"]), float(r["latency_us"])) for r in infersim(reference, name)]
    return [list(r) for r in rows
            if r[2] >= least and not any(o[0] == r[0] and o[1] > r[1] and r[2] > 1.25 * o[2] for o in rows)]


def write_infersim(reference, out):
    text = HEADER_INFERSIM
    dense = [[int(r["m"]), int(r["n"]), int(r["k"]), float(r["latency_us"])] for r in infersim(reference, "gemm_data.csv")]
    text += table("gemm_fp8", "DeepGEMM fp8_gemm_nt", ["m", "n", "k", "time_us"], dense, 132)
    text += table("grouped_gemm_fp8", "DeepGEMM m_grouped_fp8_gemm_nt_contiguous", ["m", "n", "k", "groups", "time_us"],
                  grouped(reference, "grouped_gemm_prefill_data.csv"), 132)
    text += table("grouped_gemm_fp8_masked", "DeepGEMM m_grouped_fp8_gemm_nt_masked",
                  ["m", "n", "k", "groups", "time_us"], grouped(reference, "grouped_gemm_decode_data.csv"), 132)
    prefill = [[int(r["seq_len"]), int(r["seq_len"]), float(r["latency_us"])]
               for r in infersim(reference, "mla_prefill_128-128-64.csv")]
    text += table("attention_forward", "FlashAttention-3 varlen", ["q_len", "kv_len", "time_us"], prefill, 132,
                  {"batch": 1, "heads": 128, "kv_heads": 128, "d_qk": 192, "d_v": 128, "causal": "true"})
    text += table("attention_decode", "FlashInfer MLA", ["batch", "kv_len", "time_us"],
                  decode(reference, "mla_decode_128-512-64.csv"), 132,
                  {"heads": 128, "kv_heads": 1, "q_len": 1, "d_qk": 576, "d_v": 512, "causal": "true"})
    for heads, kv_heads in ((16, 2), (32, 2), (64, 2), (128, 2), (256, 2), (32, 4), (32, 8)):
        text += table("attention_decode", "FlashInfer GQA", ["batch", "kv_len", "time_us"],
                      decode(reference, f"mha_decode_{heads}-{kv_heads}-128.csv", GQA_HOST_US), 132,
                      {"heads": heads, "kv_heads": kv_heads, "q_len": 1, "d_qk": 128, "d_v": 128, "causal": "true"})
    (out / "infersim-2026-05.yaml").write_text(text)


def main(reference, out):
    write_trace(reference, out)
    write_infersim(reference, out)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
