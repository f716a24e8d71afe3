// Makes answers: what a worker thread does. No Qt.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/run_control.h"
#include "gui/session/answer.h"
#include "gui/session/variant.h"

namespace orrery::gui {

struct AnsweringOptions {
  int threads = 0;             ///< at most, of all work; 0: one less than the machine has
  bool keep_timelines = true;  ///< of kFolded, kOneGroup and kEveryGpu
  int resamples = 64, seeds = 4;
};

/// Shares between answers what does not depend on the edit: machines, expert loads, models. Of one thread.
class Answering {
 public:
  explicit Answering(AnsweringOptions options) : options_(options) {}

  /// kAnalysed goes on from the kEveryGpu answer, if that was made and somebody holds it still. Throws Stopped
  /// where `control` says so, InputError where the scenario cannot be simulated.
  AnswerPtr Make(const Variant& variant, Sureness kind, const RunControl& control);
  /// The difference of two training scenarios that were simulated whole. Null where one is not of training.
  std::shared_ptr<const Difference> Compare(const Variant& base, const Variant& other,
                                            const RunControl& control);

 private:
  using LoadsPtr = std::shared_ptr<const models::LoadSource>;
  using ModelPtr = std::shared_ptr<const scenarios::TrainingModel>;
  struct MachineKey {
    hw::Cluster cluster;
    hw::CalibrationChoice calibration;
    std::string tables;  ///< contents of calibration files
    scenarios::Communication communication;
    bool operator==(const MachineKey& o) const;
  };

  void AnswerTraining(const Variant& variant, const RunControl& control, Answer* answer);
  /// What was simulated whole; null where nobody holds it any more.
  AnswerPtr WholeOf(Generation generation) const;
  scenarios::Run RunOf(const Variant& variant, Sureness kind, const RunControl& control);
  std::shared_ptr<const scenarios::Machine> MachineOf(const scenarios::Scenario& scenario);
  LoadsPtr LoadsOf(const scenarios::Scenario& scenario, const RunControl& control);
  ModelPtr ModelOf(const Variant& variant, const RunControl& control);
  double StepOf(const Variant& variant, const RunControl& control);

  AnsweringOptions options_;
  // The newest first.
  std::vector<std::pair<MachineKey, std::shared_ptr<const scenarios::Machine>>> machines_;
  std::vector<std::pair<scenarios::LoadsKey, LoadsPtr>> loads_;
  std::vector<std::pair<Generation, ModelPtr>> models_;
  std::vector<std::pair<Generation, double>> steps_;  ///< of every GPU
  std::vector<std::pair<Generation, std::weak_ptr<const Answer>>> whole_;
};

}  // namespace orrery::gui
