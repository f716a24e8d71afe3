// Causal attention over whole sequences, forward and backward, by cuDNN.
#include "profiler/device/workloads/workload_prefill.h"

#ifdef ORRERY_NO_CUDNN
namespace orrery::profiler {
std::unique_ptr<Workload> MakePrefillWorkload(const SuiteCase&, const WorkloadOptions&) {
  throw Unsupported("built without cuDNN 9.11 or newer");
}
std::string CudnnVersionOrEmpty() { return ""; }
}  // namespace orrery::profiler
#else

#include <algorithm>
#include <cmath>
#include <vector>

#include "profiler/device/workloads/function_workload.h"
#include "profiler/device/workloads/prefill_graph.h"
#include "profiler/suite/error_norm.h"
#include "profiler/suite/reference.h"

namespace orrery::profiler {
namespace {

// Probabilities (backward: and their gradients) are rounded to BF16 before the second product, and so is the
// result; a gradient sums over terms of both signs.
constexpr double kForwardTolerance = 1e-2;
constexpr double kBackwardTolerance = 2e-2;
constexpr std::size_t kHeadsChecked = 3;
constexpr std::size_t kRowsChecked = 4;

// In the order of their sizes below; backward uses all.
enum Buffer : std::size_t { kQ, kK, kV, kOut, kStats, kDOut, kDQ, kDK, kDV, kDelta, kDQSum };

struct Sizes {
  explicit Sizes(const PrefillShape& s)
      : positions(static_cast<std::size_t>(s.batch * s.length)),
        heads(static_cast<std::size_t>(s.heads)),
        d_qk(static_cast<std::size_t>(s.d_qk)),
        d_v(static_cast<std::size_t>(s.d_v)),
        batch(static_cast<std::size_t>(s.batch)),
        length(static_cast<std::size_t>(s.length)) {}
  std::size_t positions, heads, d_qk, d_v, batch, length;
  std::size_t keys() const { return positions * heads * d_qk; }  // elements of q, k and their gradients
  std::size_t values() const { return positions * heads * d_v; }
  std::size_t rows() const { return positions * heads; }
};

PrefillShape ShapeOf(const SuiteCase& c) {
  const auto& a = std::get<AttentionShape>(c.shape);
  if (!a.causal || a.q_len != a.kv_len || a.heads != a.kv_heads)
    throw Unsupported("only causal self-attention with as many key as query heads is built for cuDNN");
  return {a.batch, a.heads, a.q_len, a.d_qk, a.d_v, 1.0 / std::sqrt(static_cast<double>(a.d_qk))};
}

PrefillPointers ForwardPointers(const BufferSet& set) {
  return {{PrefillTensor::kQuery, set[kQ].as<void>()},
          {PrefillTensor::kKey, set[kK].as<void>()},
          {PrefillTensor::kValue, set[kV].as<void>()},
          {PrefillTensor::kOut, set[kOut].as<void>()},
          {PrefillTensor::kStats, set[kStats].as<void>()}};
}

PrefillPointers BackwardPointers(const BufferSet& set) {
  PrefillPointers pointers = ForwardPointers(set);
  pointers.insert({{PrefillTensor::kDOut, set[kDOut].as<void>()},
                   {PrefillTensor::kDQuery, set[kDQ].as<void>()},
                   {PrefillTensor::kDKey, set[kDK].as<void>()},
                   {PrefillTensor::kDValue, set[kDV].as<void>()},
                   {PrefillTensor::kDelta, set[kDelta].as<void>()},
                   {PrefillTensor::kDQuerySum, set[kDQSum].as<void>()}});
  return pointers;
}

// One head of one sequence out of [batch, length, heads, width].
Doubles HeadToHost(const DeviceBuffer& buffer, const Sizes& s, std::size_t sequence, std::size_t head,
                   std::size_t width, cudaStream_t stream) {
  std::vector<std::uint16_t> raw(s.length * width);
  const auto* source = buffer.as<std::uint16_t>() + (sequence * s.length * s.heads + head) * width;
  ORRERY_CUDA_CHECK(cudaMemcpy2DAsync(raw.data(), 2 * width, source, 2 * width * s.heads, 2 * width, s.length,
                                      cudaMemcpyDeviceToHost, stream));
  ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream));
  Doubles rows;
  rows.reserve(raw.size());
  for (const std::uint16_t bits : raw) rows.push_back(DecodeBf16(bits));
  return rows;
}

CausalHead Fetch(const BufferSet& set, const Sizes& s, double scale, std::size_t sequence, std::size_t head,
                 cudaStream_t stream) {
  CausalHead h{s.length, s.d_qk, s.d_v, scale, {}, {}, {}, {}, {}, {}};
  h.q = HeadToHost(set[kQ], s, sequence, head, s.d_qk, stream);
  h.k = HeadToHost(set[kK], s, sequence, head, s.d_qk, stream);
  h.v = HeadToHost(set[kV], s, sequence, head, s.d_v, stream);
  h.out = HeadToHost(set[kOut], s, sequence, head, s.d_v, stream);
  h.stats = FloatsToHost(set[kStats], (sequence * s.heads + head) * s.length, s.length, stream);
  return h;
}

void AddRow(const Doubles& ours, std::size_t row, const Doubles& reference, ErrorNorm* error) {
  for (std::size_t i = 0; i < reference.size(); ++i)
    error->Add(ours[row * reference.size() + i], reference[i]);
}

/// Calls `check` with every sequence and head that is looked at.
template <typename Function>
void ForSampledHeads(const Sizes& s, Function check) {
  for (const std::size_t sequence : SampleRows(s.batch, 2)) {
    for (const std::size_t head : SampleRows(s.heads, kHeadsChecked)) check(sequence, head);
    if (s.batch == 1) return;
  }
}

double CheckForward(const BufferSet& set, const Sizes& s, double scale, cudaStream_t stream) {
  if (CountNotFinite(set[kOut].as<Bf16>(), s.values(), stream) > 0) return std::nan("");
  if (CountNotFinite(set[kStats].as<float>(), s.rows(), stream) > 0) return std::nan("");
  ErrorNorm out;
  ErrorNorm stats;
  ForSampledHeads(s, [&](std::size_t sequence, std::size_t head) {
    const CausalHead h = Fetch(set, s, scale, sequence, head, stream);
    for (const std::size_t row : SampleRows(s.length, kRowsChecked)) {
      AddRow(h.out, row, CausalOut(h, row), &out);
      stats.Add(h.stats[row], CausalStats(h, row));
    }
  });
  return std::max(out.Relative(), stats.Relative());
}

double CheckBackward(const BufferSet& set, const Sizes& s, double scale, cudaStream_t stream) {
  for (const Buffer gradient : {kDQ, kDK, kDV}) {
    const std::size_t count = gradient == kDV ? s.values() : s.keys();
    if (CountNotFinite(set[gradient].as<Bf16>(), count, stream) > 0) return std::nan("");
  }
  ErrorNorm dq;
  ErrorNorm dk;
  ErrorNorm dv;
  ForSampledHeads(s, [&](std::size_t sequence, std::size_t head) {
    CausalHead h = Fetch(set, s, scale, sequence, head, stream);
    h.d_out = HeadToHost(set[kDOut], s, sequence, head, s.d_v, stream);
    const Doubles our_dq = HeadToHost(set[kDQ], s, sequence, head, s.d_qk, stream);
    const Doubles our_dk = HeadToHost(set[kDK], s, sequence, head, s.d_qk, stream);
    const Doubles our_dv = HeadToHost(set[kDV], s, sequence, head, s.d_v, stream);
    for (const std::size_t row : SampleRows(s.length, kRowsChecked)) {
      AddRow(our_dq, row, CausalQueryGradient(h, row), &dq);
      AddRow(our_dk, row, CausalKeyGradient(h, row), &dk);
      AddRow(our_dv, row, CausalValueGradient(h, row), &dv);
    }
  });
  return std::max({dq.Relative(), dk.Relative(), dv.Relative()});
}

std::vector<std::size_t> BufferBytes(const Sizes& s, bool backward) {
  const std::size_t k = 2 * s.keys(), v = 2 * s.values(), rows = 4 * s.rows();
  if (!backward) return {k, k, v, v, rows};
  return {k, k, v, v, rows, v, k, k, v, rows, 4 * s.keys()};
}

void Fill(std::vector<BufferSet>& sets, const Sizes& s, std::uint64_t seed) {
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const std::uint64_t first = seed * 1000 + 10 * i;
    FillNormal(sets[i][kQ].as<Bf16>(), s.keys(), first, 1.0f, nullptr);
    FillNormal(sets[i][kK].as<Bf16>(), s.keys(), first + 1, 1.0f, nullptr);
    FillNormal(sets[i][kV].as<Bf16>(), s.values(), first + 2, 1.0f, nullptr);
    if (sets[i].size() > kDOut) FillNormal(sets[i][kDOut].as<Bf16>(), s.values(), first + 3, 1.0f, nullptr);
  }
  ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
}

// What backward reads of forward: outputs and statistics of every set.
void RunForward(const PrefillShape& shape, const CudnnDevice& device, std::vector<BufferSet>& sets) {
  const PrefillPlan plan(shape, PrefillPass::kForward, device);
  const DeviceBuffer workspace(plan.workspace_bytes());
  for (const BufferSet& set : sets) plan.Launch(device, ForwardPointers(set), workspace.as<void>(), nullptr);
  ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
}

}  // namespace

std::unique_ptr<Workload> MakePrefillWorkload(const SuiteCase& c, const WorkloadOptions& options) {
  const PrefillShape shape = ShapeOf(c);
  const Sizes s(shape);
  const bool backward = c.kind == OpKind::kAttentionBackward;
  const auto device = std::make_shared<const CudnnDevice>();
  const auto plan = std::make_shared<const PrefillPlan>(
      shape, backward ? PrefillPass::kBackward : PrefillPass::kForward, *device);
  WorkloadOptions left = options;  // of the memory beside the workspace
  left.memory_bytes -= std::min(left.memory_bytes, plan->workspace_bytes());
  auto work = std::make_unique<FunctionWorkload>(BufferBytes(s, backward), left,
                                                 backward ? kBackwardTolerance : kForwardTolerance);
  work->shared().emplace_back(plan->workspace_bytes());
  Fill(work->sets(), s, options.seed);
  if (backward) RunForward(shape, *device, work->sets());
  auto& shared = work->shared();
  work->OnLaunch([=, &shared](const BufferSet& set, cudaStream_t stream) {
    plan->Launch(*device, backward ? BackwardPointers(set) : ForwardPointers(set), shared[0].as<void>(),
                 stream);
  });
  const double scale = shape.scale;
  const std::vector<std::size_t> outputs =
      backward ? std::vector<std::size_t>{kDQ, kDK, kDV} : std::vector<std::size_t>{kOut, kStats};
  work->OnCheck(outputs, [=](const BufferSet& set, cudaStream_t stream) {
    return backward ? CheckBackward(set, s, scale, stream) : CheckForward(set, s, scale, stream);
  });
  return work;
}

std::string CudnnVersionOrEmpty() {
  try {
    return CudnnVersionText();
  } catch (const Unsupported&) {
    return "";
  }
}

}  // namespace orrery::profiler
#endif  // ORRERY_NO_CUDNN
