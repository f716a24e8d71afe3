#include "scenarios/studies/routing_request.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/config/key_error.h"
#include "models/routing/sources/routing_options.h"
#include "models/spec/model_spec.h"
#include "scenarios/schema/routing_fields.h"

namespace orrery::scenarios {
namespace {

constexpr int kMostSteps = 10'000'000;
constexpr int kMostRanks = 65536;

/// KeyError where the training run ends before its text has shifted.
void CheckShift(const RoutingRequest& r, const std::string& dashes) {
  if (r.section.shift_step == 1 << 30 || r.steps == 0) return;
  const int least = r.section.shift_step + models::TrainingTrace::kWindow;
  if (least > r.steps) {
    throw KeyError("routing.shift.step", fmt::format("expected at least {} of the {}steps {} after it",
                                                     models::TrainingTrace::kWindow, dashes, r.steps));
  }
}

/// The section's options; unless they say otherwise their text has the workload's sequences.
models::RoutingOptions OptionsOf(const Value& root) {
  models::RoutingOptions options = ReadRouting(root.Find("routing"));
  const Value* length = FindPath(root, "workload.sequence_length");
  if (length != nullptr && !options.sequence_length)
    options.sequence_length = static_cast<int>(length->AsCount("tokens", 1, 1 << 24, CountSuffix::kLength));
  return options;
}

/// Without a scenario the micro-batch that is shown is of an expert-parallel size that was asked for: the usual one
/// if it is among them, else the largest that divides the experts.
void UseRanksOf(const std::vector<int>& asked, RoutingRequest* r) {
  models::LoadShape& shape = r->training;
  if (asked.empty() || std::count(asked.begin(), asked.end(), shape.ranks) > 0) return;
  int largest = 0;
  for (const int ranks : asked)
    if (shape.experts % ranks == 0) largest = std::max(largest, ranks);
  if (largest == 0) return;
  shape.ranks = largest;
  shape.ranks_per_node = std::gcd(largest, 8);
}

/// Errors of data that has no place are KeyErrors.
RoutingRequest RequestOf(const RoutingDocument& in, const RoutingQuestion& q, const StepTimeMaker& step_time,
                         const RunControl& control) {
  const Value& root = in.document.root();
  const models::ModelSpec model = models::ReadModel(root.At("model"));
  if (!model.moe) throw root.At("model").Error("the model has no experts to route to");
  const models::RoutingOptions options = OptionsOf(root);
  RoutingRequest r = RequestFor(model, models::ResolveRouting(options, *model.moe));
  if (q.layers && *q.layers > r.moe_layers) {
    throw InputError(
        fmt::format("{}layers {}: {} has {} MoE layers", q.dashes, *q.layers, r.model, r.moe_layers));
  }
  if (q.layers) r.layers = *q.layers;
  r.steps = q.steps, r.left_out = in.left_out;
  CheckShift(r, q.dashes);
  if (!q.ranks.empty()) r.ranks = q.ranks;
  if (const Value* v = root.Find("seed")) r.seed = static_cast<std::uint64_t>(v->AsInt(0, INT64_MAX));
  if (!step_time) UseRanksOf(q.ranks, &r);
  if (step_time) r.step_time = step_time(in.document, &r, control.Part(0, 0));
  models::CheckRoutingShape(options, r.section, r.training);
  return r;
}

}  // namespace

void CheckQuestion(const RoutingQuestion& q) {
  const int least = models::TrainingTrace::kWindow;
  if (q.layers && *q.layers < 1)
    throw InputError(fmt::format("{}layers {}: expected at least 1", q.dashes, *q.layers));
  if (q.steps != 0 && (q.steps < least || q.steps > kMostSteps)) {
    throw InputError(fmt::format("{}steps {}: expected 0 or {} to {}", q.dashes, q.steps, least, kMostSteps));
  }
  for (int ranks : q.ranks) {
    if (ranks < 1 || ranks > kMostRanks)
      throw InputError(fmt::format("{}ranks {}: expected 1 to {}", q.dashes, ranks, kMostRanks));
  }
}

RoutingRequest MakeRoutingRequest(const RoutingDocument& in, const RoutingQuestion& question,
                                  const StepTimeMaker& step_time, const RunControl& control) {
  CheckQuestion(question);
  return WithPlaces(in.document.root(), [&] { return RequestOf(in, question, step_time, control); });
}

}  // namespace orrery::scenarios
