#include "gui/session/runner.h"

#include <algorithm>
#include <any>
#include <utility>

namespace orrery::gui {
namespace {

JobName NameOf(const Variant& variant, Sureness kind) {
  return {variant.id, variant.generation, static_cast<int>(kind)};
}

}  // namespace

Runner::Runner(Session* session, RunnerOptions options, QObject* parent)
    : QObject(parent),
      session_(session),
      options_(options),
      answering_(std::make_shared<Answering>(options.answering)) {
  const auto tell = [this] {
    QMetaObject::invokeMethod(this, qOverload<>(&Runner::TakeNews), Qt::QueuedConnection);
  };
  queue_ = std::make_unique<JobQueue>(tell, options_.progress);
  resting_.setSingleShot(true);
  analysing_.setSingleShot(true);
  connect(&resting_, &QTimer::timeout, this, &Runner::AfterRest);
  connect(&analysing_, &QTimer::timeout, this, &Runner::Analyse);
  connect(session_, &Session::VariantEdited, this, &Runner::OnEdited);
  connect(session_, &Session::VariantsChanged, this, &Runner::DropStale);
  connect(session_, &Session::ShownChanged, this, &Runner::OnShown);
  for (const VariantPtr& variant : session_->variants()) OnEdited(variant->id);
}

Runner::~Runner() { queue_.reset(); }

// What is asked, and when.

bool Runner::Wants(const VariantPtr& variant, Sureness kind) const {
  const AnswerPtr known = session_->AnswerOf(variant->id, kind);
  // The run of what is shown may have been let go while something else was.
  const bool shown = variant->id == session_->shown() || variant->id == session_->against();
  const bool let_go = known && kind == Sureness::kEveryGpu && shown && !known->run && known->result;
  return (!known || let_go) && !given_up_.contains({variant->generation, kind}) &&
         !queue_->Has(NameOf(*variant, kind));
}

void Runner::OnEdited(int id) {
  DropStale();
  const VariantPtr variant = session_->Find(id);
  if (!variant || !options_.by_itself) return;
  analysing_.start(options_.analyse);
  if (variant->plan->attention() != nullptr) {
    if (Wants(variant, Sureness::kEveryGpu)) Add(variant, Sureness::kEveryGpu);
    return;
  }
  if (!variant->blind_edit && !session_->Best(id) && Wants(variant, Sureness::kFolded))
    Add(variant, Sureness::kFolded);
  resting_.start(options_.rest);
}

void Runner::OnShown() {
  if (!options_.by_itself) return;
  resting_.start(options_.rest);
  analysing_.start(options_.analyse);
}

void Runner::AfterRest() {
  for (const VariantPtr& variant : session_->variants()) {
    if (variant->plan->training() == nullptr) continue;
    const bool whole = session_->AnswerOf(variant->id, Sureness::kEveryGpu) != nullptr;
    if (!whole && Wants(variant, Sureness::kOneGroup)) Add(variant, Sureness::kOneGroup);
    if (Wants(variant, Sureness::kEveryGpu)) Add(variant, Sureness::kEveryGpu);
  }
}

void Runner::Analyse() {
  const VariantPtr variant = session_->Shown();
  if (variant && variant->plan->training() != nullptr && Wants(variant, Sureness::kAnalysed))
    Add(variant, Sureness::kAnalysed);
}

void Runner::Request(int id, Sureness kind) {
  const VariantPtr variant = session_->Find(id);
  if (!variant) return;
  given_up_.erase({variant->generation, kind});
  if (Wants(variant, kind)) Add(variant, kind);
}

void Runner::RequestDifference(int base_id, int other_id) {
  const VariantPtr base = session_->Find(base_id), other = session_->Find(other_id);
  if (!base || !other || session_->DifferenceOf(base_id, other_id)) return;
  Job job;
  // The pair is named by what both ask: a job of one pair is one job.
  job.name = {base->id, other->generation, kDifference + other->id};
  if (queue_->Has(job.name)) return;
  job.urgency = kDifference, job.yields = true;
  job.work = [answering = answering_, base, other](const RunControl& control) {
    return std::any(answering->Compare(*base, *other, control));
  };
  queue_->Add(std::move(job));
}

void Runner::Add(const VariantPtr& variant, Sureness kind) {
  if (kind == Sureness::kFolded) {  // of folded ones only the newest waits
    const int folded = static_cast<int>(kind);
    queue_->Remove([folded](const JobName& job) { return job.kind == folded; });
  }
  Job job;
  job.name = NameOf(*variant, kind);
  job.urgency = static_cast<int>(kind);
  job.yields = kind == Sureness::kAnalysed;
  job.work = [answering = answering_, variant, kind](const RunControl& control) {
    return std::any(answering->Make(*variant, kind, control));
  };
  queue_->Add(std::move(job));
}

void Runner::Stop() {
  resting_.stop();
  analysing_.stop();
  for (const VariantPtr& variant : session_->variants()) {
    for (const Sureness kind : kSurenesses)
      if (queue_->Has(NameOf(*variant, kind))) given_up_.insert({variant->generation, kind});
  }
  queue_->Remove([](const JobName&) { return true; });
}

bool Runner::IsStale(const JobName& job) const {
  if (job.kind < kDifference) {
    const auto& all = session_->variants();
    return std::none_of(all.begin(), all.end(),
                        [&](const VariantPtr& v) { return v->generation == job.generation; });
  }
  const VariantPtr other = session_->Find(job.kind - kDifference);
  return !session_->Find(job.variant) || !other || other->generation != job.generation;
}

void Runner::DropStale() {
  queue_->Remove([this](const JobName& job) { return IsStale(job); });
}

// What comes back.

void Runner::TakeNews() {
  for (const JobNews& news : queue_->Take()) TakeNews(news);
  if (Idle()) Q_EMIT BecameIdle();
}

void Runner::TakeNews(const JobNews& news) {
  using What = JobNews::What;
  const int id = news.job.variant;
  const QString words = QString::fromStdString(news.words);
  if (news.job.kind >= kDifference) {
    if (news.what == What::kDone) {
      const auto difference = std::any_cast<std::shared_ptr<const Difference>>(news.result);
      if (difference) session_->TakeDifference(*difference);
    } else if (news.what == What::kFailed || news.what == What::kStopped) {
      Q_EMIT DifferenceStopped(id, news.job.kind - kDifference, words);
    }
    return;
  }
  const auto kind = static_cast<Sureness>(news.job.kind);
  // A stopped job is told of even where it is stale: whoever shows its progress has to end that.
  if (news.what == What::kStopped) Q_EMIT Stopped(id, kind);
  if (IsStale(news.job)) return;
  switch (news.what) {
    case What::kStarted:
      Q_EMIT Started(id, kind);
      break;
    case What::kProgress:
      Q_EMIT Progress(id, kind, news.share, words);
      break;
    case What::kDone:
      session_->TakeAnswer(std::any_cast<AnswerPtr>(news.result));
      Q_EMIT Answered(id, kind);
      break;
    case What::kFailed:
      given_up_.insert({news.job.generation, kind});
      Q_EMIT Failed(id, kind, words, QString::fromStdString(news.key));
      break;
    case What::kStopped:
      break;
  }
}

}  // namespace orrery::gui
