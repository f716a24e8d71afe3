// How balance evolves through training. Routers drift and sharpen, batches differ, and biases or a loss push
// back. One layer is simulated at a time; layers differ by their drawn factors. No price and no load source
// uses this.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/balance/update_rule.h"
#include "models/routing/gate/gate.h"
#include "models/routing/text/affinity_model.h"
#include "models/routing/text/text_mix.h"

namespace orrery::models {

struct TrainingOptions {
  AffinityParameters affinity;
  GateShape gate{64, 6, 1, 1};
  UpdateRule rule = UpdateRule::kSign;
  double rate = 1e-3;        ///< u (gamma)
  int rate_until = 1 << 30;  ///< from this step u = 0
  double feedback = 0;       ///< kAuxiliaryLoss
  LossPullWeights
      pull;  ///< losses over part of the mix, along with any rule; each domain gets biases of its own
  int steps = 4000;
  int warm_up = 1000;    ///< batches over which all deviations grow from 0.05 to 1 (routers sharpen)
  double drift = 0.004;  ///< rho: deviation of a factor's change a step at the highest learning rate
  double final_learning_rate = 0.1;  ///< of the highest, reached by a cosine
  double mix_jitter = 0.03;  ///< log-deviation of domain shares, batch to batch and to the validation set
  int batch_sequences = 1152;
  double documents_per_sequence = 1;  ///< of one domain each; a mean
  int validation_sequences = 34560;
  int shift_step = 1 << 30;  ///< from this step the text is another:
  DomainShift shift = DomainShift::kReversed;
  bool token_by_token = false;  ///< the exact engine on `batch_tokens` tokens a step; else mean field
  int batch_tokens = 32768;
  /// Tokens of each domain that hold the mean field to the exact gate (anchored_field.h), a multiple of 8; 0:
  /// the mean field alone, which knows no groups.
  int anchor_tokens = 2048;
  /// Batches between two anchors of a domain of mean share; a domain of share s has them sqrt(mean / s) times
  /// as far apart. During the warm-up it is a quarter.
  int anchor_every = 500;
};

/// The engine that makes the loads of a run, in words for a report.
std::string EngineName(const TrainingOptions& options);

/// How balance ended in a training run.
enum class Settling {
  kSettled,
  kTooShort,     ///< fewer windows than tell
  kNothingActs,  ///< no bias moves and no loss pulls
  kUnsteady,     ///< balance still changes as the run ends
  kNoBetter,     ///< steady, but as uneven as the same router without any of it: too fast an update diverges
};
std::string SettlingName(Settling settling);

/// One training run of one layer.
struct TrainingTrace {
  static constexpr int kWindow = 100;
  std::vector<double> max_vio;      ///< [steps / kWindow] mean MaxVio_batch of each window
  std::vector<double> bias_spread;  ///< [steps / kWindow] largest |bias - mean| at each window's end
  std::vector<double> bias_path;    ///< [steps / kWindow][4] centred biases of four experts
  /// First step of the first window from which on MaxVio_batch is within a quarter of the last quarter's
  /// median, before the shift where there is one; -1 unless kSettled.
  int settled = -1;
  Settling settling = Settling::kUnsteady;
  /// The same after the shift, in steps from it; kUnsteady too where it stays as uneven as the shift made it.
  int resettled = -1;
  Settling resettling = Settling::kUnsteady;
  double max_vio_global_before = 0;      ///< as max_vio_global and max_vio_unbalanced, in the last window
  double max_vio_unbalanced_before = 0;  ///< that ends before the shift; 0 where there is none
  double max_vio_at_shift = 0;           ///< largest MaxVio_batch of the window that begins at the shift
  double max_vio_global = 0;             ///< over the validation set, mean over the last windows' ends
  double max_vio_unbalanced = 0;         ///< over it at the end, were there neither biases nor pulls
  std::vector<float> bias;               ///< [experts] at the end; of the mix, where each domain has its own
  std::vector<float> domain_bias;        ///< [domains][experts] at the end
  std::vector<float> chance;             ///< [domains][experts] at the end
  std::vector<float> document_sd;        ///< [domains][experts] deviation of a document's chance
  std::vector<double> share;             ///< [domains]
};

/// InputError when an option is out of range.
TrainingTrace Train(const TrainingOptions& options, std::uint64_t seed, int layer,
                    const RunControl& control = {});

/// Mean MaxVio over `batches` computation batches of `sequences` sequences each, with the trained router.
double ComputationBatchMaxVio(const TrainingOptions& options, const TrainingTrace& trace, int sequences,
                              int batches, std::uint64_t seed, const RunControl& control = {});

}  // namespace orrery::models
