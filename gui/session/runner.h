// Answers the variants of a session on one worker thread: folded at once, one exchange group when the hand
// rests, every GPU after it, analysed when nothing was edited for a while.
#pragma once

#include <QObject>
#include <QString>
#include <QTimer>
#include <chrono>
#include <functional>
#include <memory>
#include <set>

#include "gui/session/answering.h"
#include "gui/session/job_queue.h"
#include "gui/session/session.h"

namespace orrery::gui {

struct RunnerOptions {
  std::chrono::milliseconds rest{150};      ///< without an edit before one group and every GPU are simulated
  std::chrono::milliseconds analyse{2000};  ///< without an edit before the shown variant is analysed
  std::chrono::milliseconds progress{50};   ///< between two signals of progress
  bool by_itself = true;                    ///< else only what is asked for with Request
  AnsweringOptions answering;
};

class Runner : public QObject {
  Q_OBJECT

 public:
  /// The session's variants are answered as they are edited. `session` must outlive the runner.
  explicit Runner(Session* session, RunnerOptions options = {}, QObject* parent = nullptr);
  /// Stops what runs; no thread is left.
  ~Runner() override;

  /// Asks now, whatever the timers say, and again where the answer was stopped or failed. What is known is not
  /// made again.
  void Request(int variant, Sureness kind);
  /// How `other` differs from `base` under the same draws.
  void RequestDifference(int base, int other);
  /// Stops all that waits and runs. What was stopped is made on request, or after an edit.
  void Stop();
  bool Idle() const { return queue_->Idle() && !resting_.isActive(); }

 Q_SIGNALS:
  void Started(int variant, orrery::gui::Sureness kind);
  /// `share` of the work, 0 to 1, and what is being done.
  void Progress(int variant, orrery::gui::Sureness kind, double share, const QString& what);
  void Answered(int variant, orrery::gui::Sureness kind);
  void Stopped(int variant, orrery::gui::Sureness kind);
  /// In the reader's own words, with the place or key of what is wrong where there is one.
  /// `key`: of the scenario, that it is about; empty where that is not known.
  void Failed(int variant, orrery::gui::Sureness kind, const QString& why, const QString& key);
  void DifferenceStopped(int base, int other, const QString& why);
  void BecameIdle();

 private:
  static constexpr int kDifference = static_cast<int>(kSurenesses.size());  ///< of JobName::kind

  void OnEdited(int id);
  void OnShown();
  void AfterRest();
  void Analyse();
  void DropStale();
  void TakeNews();
  void TakeNews(const JobNews& news);
  void Add(const VariantPtr& variant, Sureness kind);
  bool Wants(const VariantPtr& variant, Sureness kind) const;
  bool IsStale(const JobName& job) const;

  Session* session_;
  RunnerOptions options_;
  std::shared_ptr<Answering> answering_;  ///< of the worker thread
  QTimer resting_, analysing_;
  std::set<std::pair<Generation, Sureness>> given_up_;  ///< failed, or stopped by the user
  std::unique_ptr<JobQueue> queue_;                     ///< last: its thread uses the others
};

}  // namespace orrery::gui
