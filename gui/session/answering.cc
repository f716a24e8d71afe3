#include "gui/session/answering.h"

#include <algorithm>
#include <chrono>
#include <thread>

#ifndef __SANITIZE_THREAD__
#include <tbb/task_arena.h>
#endif

#include "scenarios/schema/calibration_field.h"
#include "scenarios/training/waits.h"

namespace orrery::gui {
namespace {

constexpr std::size_t kMostMachines = 4, kMostLoads = 6, kMostModels = 3, kMostSteps = 256;

/// What was remembered under the key, put first; else what `make` gives.
template <class List, class Key, class Make>
auto Remembered(List* list, const Key& key, std::size_t most, Make&& make) {
  auto it = std::find_if(list->begin(), list->end(), [&](const auto& entry) { return entry.first == key; });
  if (it == list->end()) {
    auto made = make();
    list->emplace(list->begin(), key, std::move(made));
    if (list->size() > most) list->pop_back();
  } else {
    std::rotate(list->begin(), it, it + 1);
  }
  return list->front().second;
}

/// Runs `work` on so many threads. ThreadSanitizer's builds do without TBB (core/base/parallel.h).
template <class Work>
auto OnThreads(int threads, Work&& work) {
#ifdef __SANITIZE_THREAD__
  (void)threads;
  return work();
#else
  const auto all = static_cast<int>(std::max(2U, std::thread::hardware_concurrency()));
  tbb::task_arena arena(threads > 0 ? threads : all - 1);
  return arena.execute(std::forward<Work>(work));
#endif
}

std::shared_ptr<const scenarios::WaitSums> WaitsOf(const scenarios::Run& run) {
  const scenarios::Scenario& s = run.model->scenario();
  if (run.result.folded || run.outcome.timeline.ranks() == 0 || s.parallelism.expert < 2) return nullptr;
  const int pipeline = s.parallelism.pipeline;
  const auto waits = scenarios::ExchangeWaits(run.outcome.timeline, pipeline, s.MicroBatches());
  return std::make_shared<const scenarios::WaitSums>(
      scenarios::SumWaits(waits, pipeline, s.parallelism.expert, run.model->MoeLayers(), s.MicroBatches()));
}

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

bool Answering::MachineKey::operator==(const MachineKey& o) const {
  return cluster == o.cluster && calibration.name == o.calibration.name &&
         calibration.forced == o.calibration.forced && calibration.further == o.calibration.further &&
         tables == o.tables && communication == o.communication;
}

std::shared_ptr<const scenarios::Machine> Answering::MachineOf(const scenarios::Scenario& s) {
  // SMs lent to exchanges are the model's, not the machine's.
  scenarios::Communication kernels{0, s.communication.kernels};
  const MachineKey key{s.cluster, s.calibration, scenarios::ContentsOf(s.calibration), kernels};
  return Remembered(&machines_, key, kMostMachines, [&] { return scenarios::LoadMachine(s); });
}

Answering::LoadsPtr Answering::LoadsOf(const scenarios::Scenario& s, const RunControl& control) {
  const std::optional<scenarios::LoadsKey> key = scenarios::LoadsKeyOf(s);
  if (!key) return nullptr;
  return Remembered(&loads_, *key, kMostLoads, [&] { return scenarios::MakeScenarioLoads(s, control); });
}

Answering::ModelPtr Answering::ModelOf(const Variant& variant, const RunControl& control) {
  return Remembered(&models_, variant.generation, kMostModels, [&]() -> ModelPtr {
    const scenarios::Scenario& s = *variant.plan->training();
    control.Tell(0, "making expert loads");
    const LoadsPtr loads = LoadsOf(s, control.Part(0, 0.5));
    control.Tell(0.5, "pricing kernels");
    return std::make_shared<const scenarios::TrainingModel>(s, MachineOf(s), loads, control.Part(0.5, 1));
  });
}

scenarios::Run Answering::RunOf(const Variant& variant, Sureness kind, const RunControl& control) {
  scenarios::RunOptions options;
  options.analyse = false;
  options.timeline = options_.keep_timelines;
  if (kind == Sureness::kFolded) {
    options.fold = true;
    options.machine = MachineOf(*variant.plan->training());
    return scenarios::Simulate(*variant.plan->training(), options, control);
  }
  if (kind == Sureness::kOneGroup) options.groups = 1;
  const ModelPtr model = ModelOf(variant, control.Part(0, 0.4));
  return scenarios::Simulate(model, options, control.Part(0.4, 1));
}

AnswerPtr Answering::WholeOf(Generation generation) const {
  const auto it = std::find_if(whole_.begin(), whole_.end(),
                               [&](const auto& entry) { return entry.first == generation; });
  return it == whole_.end() ? nullptr : it->second.lock();
}

void Answering::AnswerTraining(const Variant& variant, const RunControl& control, Answer* answer) {
  const bool analyse = answer->kind == Sureness::kAnalysed;
  const AnswerPtr whole = analyse ? WholeOf(variant.generation) : nullptr;
  double simulated = 0;
  if (whole) {
    answer->run = whole->run;
    answer->waits = whole->waits;
  } else {
    simulated = analyse ? 0.15 : 1;
    answer->run =
        std::make_shared<const scenarios::Run>(RunOf(variant, answer->kind, control.Part(0, simulated)));
    answer->waits = WaitsOf(*answer->run);
  }
  if (!analyse) {
    answer->result = std::make_shared<const scenarios::TrainingResult>(answer->run->result);
    return;
  }
  scenarios::RunOptions options;
  options.resamples = options_.resamples, options.seeds = options_.seeds;
  answer->result = std::make_shared<const scenarios::TrainingResult>(
      scenarios::Analyse(*answer->run, options, control.Part(simulated, 1)));
}

AnswerPtr Answering::Make(const Variant& variant, Sureness kind, const RunControl& control) {
  const Stopwatch watch;
  auto answer = std::make_shared<Answer>();
  answer->variant = variant.id;
  answer->generation = variant.generation;
  answer->kind = kind;
  OnThreads(options_.threads, [&] {
    if (variant.plan->attention() != nullptr) {
      answer->attention = std::make_shared<const scenarios::AttentionReport>(
          scenarios::RunAttention(*variant.plan->attention()));
    } else {
      AnswerTraining(variant, control, answer.get());
    }
  });
  if (answer->result && kind >= Sureness::kEveryGpu)
    Remembered(&steps_, variant.generation, kMostSteps, [&] { return answer->result->step_s; });
  answer->took_s = watch.Seconds();
  if (answer->result && kind == Sureness::kEveryGpu) {
    whole_.emplace(whole_.begin(), variant.generation, answer);
    if (whole_.size() > kMostSteps) whole_.pop_back();
  }
  return answer;
}

double Answering::StepOf(const Variant& variant, const RunControl& control) {
  return Remembered(&steps_, variant.generation, kMostSteps,
                    [&] { return RunOf(variant, Sureness::kEveryGpu, control).result.step_s; });
}

std::shared_ptr<const Difference> Answering::Compare(const Variant& base, const Variant& other,
                                                     const RunControl& control) {
  if (base.plan->training() == nullptr || other.plan->training() == nullptr) return nullptr;
  return OnThreads(options_.threads, [&]() -> std::shared_ptr<const Difference> {
    control.Tell(0, "comparing two variants under the same draws");
    const double base_s = StepOf(base, control.Part(0, 0.1)), other_s = StepOf(other, control.Part(0.1, 0.2));
    const ModelPtr a = ModelOf(base, control.Part(0.2, 0.25)), b = ModelOf(other, control.Part(0.25, 0.3));
    auto difference = std::make_shared<Difference>();
    difference->base = base.generation, difference->other = other.generation;
    difference->step = scenarios::DifferenceOf(*a, base_s, *b, other_s, options_.resamples, options_.seeds,
                                               control.Part(0.3, 1));
    return difference;
  });
}

}  // namespace orrery::gui
