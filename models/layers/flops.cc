#include "models/layers/flops.h"

#include "models/spec/attention_design.h"
#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

/// Matrix parameters of one layer that a token passes.
std::int64_t ActivatedOfLayer(const ModelSpec& spec, const LayerBlocks& blocks) {
  const LayerParameterCount c = CountLayer(spec, blocks);
  const std::int64_t routed = blocks.kind == LayerKind::kMoe ? spec.moe->top_k * c.one_expert : 0;
  return c.attention + c.dense + c.shared_experts + c.shared_gate + c.gate + routed;
}

double AttentionPerToken(const AttentionSpec& a, std::int64_t sequence, bool causal) {
  const double before = static_cast<double>(sequence) * (causal ? 0.5 : 1.0);
  const double seen =
      a.SeesAll() || !causal ? before : CausalScores(a, 0, sequence) / static_cast<double>(sequence);
  return 2.0 * seen * a.heads * (a.head_dim + a.rope_dim + a.v_head_dim) +
         2.0 * before * a.index_heads * a.index_dim;
}

/// A state is written and read once a token, by the delta rule read once more.
double StatePerToken(const RecurrenceSpec& r) {
  const double state = static_cast<double>(r.heads) * r.key_dim * r.value_dim;
  return 2 * state * (r.kind == RecurrenceKind::kMamba2 ? 2 : 3);
}

/// What a token costs in the mixer beside its matrices.
double MixerPerToken(const ModelSpec& spec, int mixer, std::int64_t sequence, bool causal) {
  double flops = 0;
  if (const AttentionSpec* a = spec.AttentionOf(mixer)) flops += AttentionPerToken(*a, sequence, causal);
  if (const RecurrenceSpec* r = spec.RecurrenceOf(mixer)) flops += StatePerToken(*r);
  return flops;
}

}  // namespace

std::int64_t ActivatedMatrixParameters(const ModelSpec& spec) {
  std::int64_t sum = spec.vocabulary * spec.hidden;  // the head
  for (const LayerGroup& g : spec.Groups()) sum += g.count * ActivatedOfLayer(spec, g.blocks);
  return sum;
}

TokenFlops ForwardFlopsPerToken(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  TokenFlops flops{{2.0 * static_cast<double>(ActivatedMatrixParameters(spec))}, {}};
  for (int mixer = kOwnMixer; mixer <= static_cast<int>(spec.mixers.size()); ++mixer)
    flops.attention += Flops{spec.LayersWith(mixer) * MixerPerToken(spec, mixer, sequence, causal)};
  return flops;
}

TokenFlops TrainingFlopsPerToken(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  const TokenFlops forward = ForwardFlopsPerToken(spec, sequence, causal);
  return {forward.matrices * 3, forward.attention * 3};
}

Flops LayerForwardFlops(const ModelSpec& spec, LayerBlocks blocks, std::int64_t sequence, bool causal) {
  return {2.0 * static_cast<double>(ActivatedOfLayer(spec, blocks)) +
          MixerPerToken(spec, blocks.mixer, sequence, causal)};
}

Flops HeadForwardFlops(const ModelSpec& spec) {
  return {2.0 * static_cast<double>(spec.vocabulary) * spec.hidden};
}

Flops MtpForwardFlops(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  const Flops projection{2.0 * static_cast<double>(MtpProjection(spec).parameters())};
  return projection + LayerForwardFlops(spec, spec.moe.has_value(), sequence, causal) +
         HeadForwardFlops(spec);
}

}  // namespace orrery::models
