// DeepSeek's profiles of a prefill and of a decode step, and the low-latency exchange, against ours. Nothing here
// calibrates but DS-V08 (the gap under CUDA graphs) and DS-J24 (what more peers cost).
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hw/comm/split_exchange.h"
#include "models/serving/unit_memory.h"
#include "scenarios/schema/scenario_file.h"
#include "scenarios/serving/simulate.h"
#include "scenarios/validation/validation.h"

namespace orrery::scenarios {

std::vector<ValidationCase> ServingCases();

namespace {

constexpr const char* kChart =
    "LMSYS blog 2025-05-05, profile-decode.png and profile-prefill.png, DeepSeek Profile";
constexpr const char* kReading =
    "zdszero.github.io, deepseek_profile.md (2025-12-01): a reading of decode.json";
constexpr const char* kTable = "LMSYS blog 2025-05-05, table DeepSeek Profile";

/// Why a case may leave its tolerance; empty where none is known.
std::string Residual(const std::string& id) {
  static const std::map<std::string, std::string> kReasons = {
      {"DS-V02",
       "the H800's table is of FlashInfer's kernel, which takes 292 us for the same operations at one token "
       "a request; "
       "the profile's is FlashMLA, whose published 580 TFLOPS (DS-K36) no table holds"},
      {"DS-V03",
       "GEMMs of 128 rows are slower in the tables than in the profile: the router 16 us for 8, the absorbed "
       "products 19 "
       "for 16, the shared expert's 20 and 11 for 17 and 10, the output's 56 for 50"},
      {"DS-V05",
       "the whole exchange agrees (184 us for 187, DS-J12); SHARED and ATTN-0 behind it take a fifth longer "
       "than in the "
       "profile (DS-V03), so that less of it is waited for"},
      {"DS-V06",
       "ATTN-1 takes 415 us for 344 (DS-V02, DS-V03) and outlasts the combine (361 us), of which the kernels "
       "alone "
       "remain"},
      {"DS-V14",
       "rows are mapped to experts, and keys assembled, by the training trace's kernels; a serving engine "
       "has fewer and "
       "faster ones, of which no table has any"},
      {"DS-V17",
       "every rank has the same load here and no kernel's time varies, so that none waits for another; the "
       "profile's "
       "ranks do"},
      {"DS-V18a",
       "compute fills its stream: other kernels take 2.3 ms more than in the profile (DS-V14), and nobody "
       "waits at the "
       "barriers (DS-V17)"},
      {"DS-V18b",
       "what the barriers take in the profile (DS-V17), and what the combine is faster (DS-V16), is idle "
       "here"},
      {"DS-L10-8",
       "twice the positions cost here: the attention kernel and the exchanges grow with them, and the "
       "module, its head and "
       "its exchanges come on top; at one request a GPU they hardly do"},
      {"DS-J08b-split",
       "carried over from a measured H200 node by the ratio of NVLink rates; the combine reaches more of the "
       "H800's"},
      {"DS-J09a-split",
       "half of the bytes stay in the node and half leave; the published time is nearer to their sum than to "
       "the longer "
       "of the two, which the model takes"}};
  const auto reason = kReasons.find(id);
  return reason == kReasons.end() ? "" : reason->second;
}

ValidationCase Case(std::string id, std::string what, double published, double simulated, const char* unit,
                    double tolerance, const char* source, ToleranceKind kind = ToleranceKind::kRelative) {
  ValidationCase c;
  c.id = std::move(id);
  c.area = "serving";
  c.what = std::move(what);
  c.published = published;
  c.simulated = simulated;
  c.unit = unit;
  c.kind = kind;
  c.tolerance = tolerance;
  c.source = source;
  c.residual = Residual(c.id);
  return c;
}

UnitResult Profiled(const char* scenario, const std::vector<std::string>& sets = {}) {
  return SimulateServing(ReadServingScenario(LoadScenarioDocument(scenario, sets), scenario))
      .result.units.front();
}

/// Gives a case of a time, or of a rate, the interval of the step.
void Within(const UnitResult& u, bool rate, ValidationCase* c) {
  c->SetInterval(u.factors_90.low, u.factors_90.high, rate);
}

/// Adds times of the published charts of one profiled step.
struct ChartCases {
  const char* step;
  std::vector<ValidationCase>* cases;

  void operator()(const char* id, const char* what, double published_ms, double seconds, double tolerance,
                  ToleranceKind kind = ToleranceKind::kRelative) const {
    cases->push_back(Case(id, fmt::format("{}, {}", step, what), published_ms, seconds * 1e3, "ms", tolerance,
                          kChart, kind));
  }
};

void AddDecode(std::vector<ValidationCase>* cases) {
  const UnitResult u = Profiled("decode-as-profiled");
  const ServingParts& l = u.layer;
  const ChartCases add{"decode as profiled", cases};
  add("DS-V01", "an MoE layer of both micro-batches", 1.421, u.layer_s, 0.05);
  Within(u, false, &cases->back());
  add("DS-V02", "attention core", 0.501, l.attention_core, 0.10);
  add("DS-V03", "dense GEMMs", 0.289, l.gemm, 0.10);
  add("DS-V04", "experts", 0.242, l.experts, 0.15);
  add("DS-V05", "dispatch, SM time with waiting", 0.171, l.dispatch + l.dispatch_barrier, 0.15);
  add("DS-V06", "combine, SM time with waiting", 0.072, l.combine + l.combine_barrier, 0.02,
      ToleranceKind::kAbsolute);
  add("DS-V07", "other kernels", 0.082, l.other_kernels, 0.20);
  add("DS-V08-step", "gaps between kernels", 0.045, l.gaps, 0.02, ToleranceKind::kAbsolute);
  cases->back().role = CaseRole::kCalibrates;
  cases->push_back(Case("DS-V09a", "decode as profiled, 61 such layers", 87.3, 61 * u.layer_s * 1e3, "ms",
                        0.05, kReading));
  cases->push_back(
      Case("DS-V09b", "decode as profiled, a step end to end", 96, u.step_s * 1e3, "ms", 0.10, kReading));
  Within(u, false, &cases->back());
  // As its publisher counted: 62 layers, one draft accepted 60 % of the time, nothing else.
  const double published_way = 8 * 128 * 1.6 / (62 * u.layer_s);
  cases->push_back(Case("DS-M18", "decode as profiled, tokens a node and second as published", 18598,
                        published_way, "tokens/s", 0.05, kTable));
  Within(u, true, &cases->back());
}

void AddPrefill(std::vector<ValidationCase>* cases) {
  const UnitResult u = Profiled("prefill-as-profiled");
  const ServingParts& l = u.layer;
  const ChartCases add{"prefill as profiled", cases};
  add("DS-V10", "an MoE layer of both micro-batches", 34.60, u.layer_s, 0.05);
  Within(u, false, &cases->back());
  add("DS-V11", "attention core", 5.61, l.attention_core, 0.10);
  add("DS-V12", "dense GEMMs", 8.40, l.gemm, 0.10);
  add("DS-V13", "experts", 12.35, l.experts, 0.10);
  add("DS-V14", "other kernels", 5.09, l.other_kernels, 0.10);
  add("DS-V15", "dispatch payload", 9.44, l.dispatch, 0.15);
  add("DS-V16", "combine payload", 17.22, l.combine, 0.15);
  add("DS-V17", "barriers before dispatch and combine", 4.02, l.dispatch_barrier + l.combine_barrier, 0.5,
      ToleranceKind::kAbsolute);
  add("DS-V18a", "idle of the compute stream", 2.43, l.bubble, 2, ToleranceKind::kAbsolute);
  add("DS-V18b", "idle of the exchange stream", 3.60, l.exchange_idle, 2, ToleranceKind::kAbsolute);
  cases->push_back(Case("DS-M17", "prefill as profiled, tokens a GPU and second", 7839,
                        u.tokens_per_s_per_gpu, "tokens/s", 0.05, kTable));
  Within(u, true, &cases->back());
}

/// Decode in production: EP144, a mean context of 4989 tokens, expert rows as the router draws them, and so many requests
/// that each gets 20 to 22 tokens a second. How contexts spread is not published: a log-normal of deviation 1 is assumed.
void AddProduction(std::vector<ValidationCase>* cases) {
  constexpr const char* kDay6 = "deepseek-ai/open-infra-index, 202502OpenSourceWeek, day 6";
  const UnitResult u = Profiled(
      "decode-as-profiled",
      {"cluster.nodes=18", "serving.decode={expert: 144, redundant_experts: 32, requests_per_gpu: 88}",
       "serving.balance.experts=routed", "serving.speculation.acceptance=[0.85]",
       "workload.requests.context={mean: 4989 tokens, deviation: 1, longest: 131072 tokens}"});
  ValidationCase speed = Case("DS-M04", "production decode, 88 requests a GPU: a request's tokens a second",
                              21, u.request_tokens_per_s, "tokens/s", 0, kDay6, ToleranceKind::kRange);
  speed.low = 20;
  speed.high = 22;
  Within(u, true, &speed);
  cases->push_back(speed);
  cases->push_back(Case("DS-M07", "production decode, 88 requests a GPU: tokens a node and second", 14800,
                        u.tokens_per_s_per_node, "tokens/s", 0.10, kDay6));
  Within(u, true, &cases->back());
  // Published: 29 to 33 GB, within a tenth; ours holds the MTP module's cache too.
  ValidationCase cache =
      Case("DS-M14", "production decode, cache held by the fullest GPU", 31,
           static_cast<double>(u.memory.cache.count) * 1e-9, "GB", 0, kDay6, ToleranceKind::kRange);
  cache.low = 0.9 * 29;
  cache.high = 1.1 * 33;
  cases->push_back(cache);
}

/// What a drafted token brings to the speed of a request where a step waits for memory and messages.
void AddSpeculation(std::vector<ValidationCase>* cases) {
  constexpr const char* kSource = "DeepSeek-V3 report (arXiv 2412.19437) 5.4.3: 85 to 90 % accepted";
  for (const int requests : {1, 8}) {
    double speed[2];
    for (const bool drafted : {false, true}) {
      const std::string decode =
          fmt::format("serving.decode={{expert: 128, requests_per_gpu: {}, overlap: none}}", requests);
      const UnitResult u = Profiled(
          "decode-as-profiled",
          {decode, drafted ? "serving.speculation.acceptance=[0.875]" : "serving.speculation={modules: 0}"});
      speed[drafted ? 1 : 0] = u.request_tokens_per_s;
    }
    ValidationCase c = Case(requests == 1 ? "DS-L10" : "DS-L10-8",
                            fmt::format("speed of a request with a drafted token, {} a GPU", requests), 1.8,
                            speed[1] / speed[0], "x", 0, kSource, ToleranceKind::kRange);
    c.low = 1.7;
    c.high = 1.9;
    cases->push_back(c);
  }
}

/// DeepEP's own test: 128 tokens a rank, random top-8.
void AddSplitExchange(std::vector<ValidationCase>* cases) {
  struct Row {
    const char* id;
    int ranks;
    double dispatch, combine;
  };
  constexpr Row kRows[] = {{"DS-J08", 8, 77, 114},   {"DS-J09", 16, 118, 195},  {"DS-J10", 32, 155, 273},
                           {"DS-J11", 64, 173, 314}, {"DS-J12", 128, 192, 369}, {"DS-J13", 256, 194, 360}};
  const hw::SplitExchange split = hw::SplitExchange::Load(hw::DevicePreset("h800-sxm"), "2025-04");
  for (const Row& row : kRows) {
    for (const hw::ExchangeKind kind : {hw::ExchangeKind::kDispatch, hw::ExchangeKind::kCombine}) {
      const bool dispatch = hw::IsDispatch(kind);
      const double of_rank =
          128.0 * 8 / row.ranks * static_cast<double>(hw::LowLatencyPairBytes(kind, 7168).count);
      const auto bytes = [of_rank](int ranks) { return Bytes{std::llround(of_rank * ranks)}; };
      hw::SplitLoad load;
      load.kind = kind;
      load.nodes = row.ranks / 8;
      load.scale_out_sent = bytes(row.ranks - 8);
      load.scale_up_sent = bytes(7);
      cases->push_back(Case(fmt::format("{}{}-split", row.id, dispatch ? "a" : "b"),
                            fmt::format("EP{} low-latency {}, split model, which has seen no such row",
                                        row.ranks, dispatch ? "dispatch" : "combine"),
                            dispatch ? row.dispatch : row.combine, Microseconds(split.Alone(load)), "us",
                            0.10, "DeepEP README, low-latency kernels"));
    }
  }
}

/// "Insights into DeepSeek-V3" section 2.3.2: bounds by bandwidth alone.
void AddBounds(std::vector<ValidationCase>* cases) {
  constexpr const char* kSource =
      "Insights into DeepSeek-V3 (arXiv 2505.09343) 2.3.2: a bound, latency and compute left out";
  const auto add = [&](const char* id, const char* what, double published, double ours, const char* unit) {
    ValidationCase c = Case(id, what, published, ours, unit, 0.005, kSource);
    c.role = CaseRole::kFormula;
    cases->push_back(c);
  };
  constexpr double kBytes =
      (1 + 2) * 32.0 * 9 * 7000;  // FP8 out, BF16 back; 32 tokens, 9 experts, hidden "7K"
  for (const auto& [step, tpot, rate, fabric] :
       {std::tuple{"DS-J28", "DS-J30", 50e9, "InfiniBand"}, std::tuple{"DS-J31", "DS-J32", 900e9, "NVL72"}}) {
    const double seconds = kBytes / rate;
    const bool ib = rate < 1e11;
    add(step, fmt::format("bound of one exchange, {}", fabric).c_str(), ib ? 120.96 : 6.72, seconds * 1e6,
        "us");
    add(tpot, fmt::format("bound of a token's time, 61 layers of two, {}", fabric).c_str(), ib ? 14.76 : 0.82,
        seconds * 2 * 61 * 1e3, "ms");
  }
}

void AddUnits(std::vector<ValidationCase>* cases) {
  struct Row {
    const char *id, *what, *source;
    int ranks, tensor, redundant;
    bool shared_in_slots;
    int slots;
  };
  constexpr const char* kReport = "DeepSeek-V3 report (arXiv 2412.19437) 3.4";
  constexpr const char* kDay6 = "deepseek-ai/open-infra-index, 202502OpenSourceWeek, day 6";
  const Row rows[] = {{"DS-L01", "prefill EP32 of the report", kReport, 32, 4, 32, false, 9},
                      {"DS-L02", "decode EP320 of the report", kReport, 320, 4, 64, true, 1},
                      {"DS-L05", "prefill EP32 online", kDay6, 32, 1, 32, false, 9},
                      {"DS-L06", "decode EP144 online", kDay6, 144, 1, 32, false, 2}};
  const models::ModelSpec v3 = models::ModelPreset("deepseek-v3");
  const hw::Device h800 = hw::DevicePreset("h800-sxm");
  for (const Row& row : rows) {
    models::UnitLayout layout;
    layout.ranks = row.ranks;
    layout.tensor = row.tensor;
    layout.slots = v3.moe->routed_experts + row.redundant;
    layout.with_mtp = true;
    layout.shared_in_slots = row.shared_in_slots;
    cases->push_back(Case(std::string(row.id) + "a", fmt::format("{}, expert slots a GPU", row.what),
                          row.slots, layout.SlotsPerRank(), "slots", 0, row.source));
    ValidationCase fits =
        Case(std::string(row.id) + "b", fmt::format("{}, weights of a GPU beside its memory", row.what),
             static_cast<double>(h800.memory.count) * 1e-9,
             static_cast<double>(models::UnitWeights(v3, layout).count) * 1e-9, "GB", 0, row.source,
             ToleranceKind::kAtMost);
    cases->push_back(fits);
  }
}

}  // namespace

std::vector<ValidationCase> ServingCases() {
  std::vector<ValidationCase> cases;
  AddDecode(&cases);
  AddPrefill(&cases);
  AddProduction(&cases);
  AddSpeculation(&cases);
  AddSplitExchange(&cases);
  AddBounds(&cases);
  AddUnits(&cases);
  return cases;
}

}  // namespace orrery::scenarios
