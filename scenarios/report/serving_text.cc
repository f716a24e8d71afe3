#include <fmt/format.h>

#include "scenarios/report/serving_report.h"

namespace orrery::scenarios {
namespace {

std::string Line(const std::string& what, const std::string& value) {
  return fmt::format("  {:<34} {}\n", what, value);
}
std::string Ms(double seconds) { return fmt::format("{:.3f} ms", seconds * 1e3); }
std::string Gb(Bytes bytes) { return fmt::format("{:.2f} GB", static_cast<double>(bytes.count) * 1e-9); }

std::string Headline(const UnitResult& u) {
  std::string text =
      fmt::format("\n{} unit: {} GPUs on {} {}\n\n", u.role == UnitRole::kPrefill ? "Prefill" : "Decode",
                  u.gpus, u.nodes, u.nodes == 1 ? "node" : "nodes");
  if (!u.fits) {
    text += fmt::format("  DOES NOT FIT: {} of {} a GPU\n\n", Gb(u.memory.Total()), Gb({u.device_memory}));
  }
  text +=
      Line("step", fmt::format("{} (90 % interval {:.1f} to {:.1f} ms), {} requests and {} positions a GPU",
                               Ms(u.step_s), u.step_s * u.factors_90.low * 1e3,
                               u.step_s * u.factors_90.high * 1e3, u.requests_per_gpu, u.positions_per_gpu));
  if (u.layer_s > 0) text += Line("MoE layer", Ms(u.layer_s));
  text += Line(u.role == UnitRole::kPrefill ? "prompt tokens" : "output tokens",
               fmt::format("{:.0f} a GPU and second, {:.0f} a node and second", u.tokens_per_s_per_gpu,
                           u.tokens_per_s_per_node));
  if (u.role == UnitRole::kDecode) {
    text += Line("a request gets", fmt::format("{:.2f} tokens a second, {:.3f} a step",
                                               u.request_tokens_per_s, u.request_tokens_per_s * u.step_s));
  }
  return text;
}

std::string Parts(const UnitResult& u) {
  const ServingParts &s = u.parts, &l = u.layer;
  const bool decode = u.role == UnitRole::kDecode;
  std::string text = fmt::format("\n  {:<34} {:>12} {:>14}\n", "of a mean GPU", "step", "MoE layer");
  const auto row = [&](const char* what, double step, double layer) {
    if (step == 0 && layer == 0) return;
    text += fmt::format("  {:<34} {:>9.3f} ms {:>11.3f} ms\n", what, step * 1e3, layer * 1e3);
  };
  row("attention core", s.attention_core, l.attention_core);
  row("dense GEMMs", s.gemm, l.gemm);
  row("experts", s.experts, l.experts);
  row("other kernels", s.other_kernels, l.other_kernels);
  row("gaps between kernels", s.gaps, l.gaps);
  if (decode) {
    row("dispatch (kernels, own bytes)", s.dispatch, l.dispatch);
    row("dispatch, waiting for others", s.dispatch_barrier, l.dispatch_barrier);
    row("combine (kernels, own bytes)", s.combine, l.combine);
    row("combine, waiting for others", s.combine_barrier, l.combine_barrier);
  }
  row("layers without experts", s.dense_layers, 0);
  row("speculation", s.speculation, 0);
  row("embedding and head", s.head, 0);
  row("sampling", s.sampling, 0);
  row("host", s.host, 0);
  row("compute stream idle", s.bubble, l.bubble);
  if (decode) return text;
  text += "\n  exchange stream\n";
  row("dispatch", s.dispatch, l.dispatch);
  row("dispatch barrier", s.dispatch_barrier, l.dispatch_barrier);
  row("combine", s.combine, l.combine);
  row("combine barrier", s.combine_barrier, l.combine_barrier);
  row("idle", s.exchange_idle, l.exchange_idle);
  return text;
}

std::string Rest(const UnitResult& u) {
  const ImbalanceParts& i = u.imbalance;
  std::string text = "\n";
  text +=
      Line("imbalance", fmt::format("all alike {}, caches {:+.3f} ms, experts {:+.3f} ms, both {:+.3f} ms",
                                    Ms(i.even), i.cache * 1e3, i.experts * 1e3, i.waiting * 1e3));
  text += Line("", fmt::format("fullest over mean: cache {:.3f}, expert rows {:.3f}", u.cache_max_over_mean,
                               u.experts_hottest_over_mean));
  const models::UnitMemory& m = u.memory;
  text +=
      Line("memory of a GPU",
           fmt::format("{} of {}: weights {} ({} expert slots), cache {}, exchange buffers {}, workspace {}",
                       Gb(m.Total()), Gb({u.device_memory}), Gb(m.weights), u.slots_per_gpu, Gb(m.cache),
                       Gb(m.exchange), Gb(m.workspace)));
  text += Line("kernels at the data sheet's rates", Ms(u.bound_s) + ": no step is faster");
  std::string shares;
  for (std::size_t p = 0; p < u.provenance_shares.size(); ++p) {
    shares += fmt::format("{}{} {:.1f} %", p > 0 ? ", " : "", hw::Name(static_cast<hw::Provenance>(p)),
                          u.provenance_shares[p] * 100);
  }
  text += Line("kernel prices", shares);
  for (const std::string& source : u.calibration) text += Line("", source);
  return text;
}

}  // namespace

std::string ServingText(const ServingResult& r) {
  std::string text = fmt::format("{}\n{} on {}\n", r.scenario, r.model, r.cluster);
  for (const UnitResult& u : r.units) text += Headline(u) + Parts(u) + Rest(u);
  text += "\nAssumed\n";
  for (const std::string& assumption : r.assumptions) text += "  " + assumption + "\n";
  std::uint64_t events = 0;
  for (const UnitResult& u : r.units) events += u.events;
  return text + fmt::format("\nsimulated in {:.2f} s, {} events\n", r.wall_s, events);
}

}  // namespace orrery::scenarios
