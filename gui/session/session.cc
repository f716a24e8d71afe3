#include "gui/session/session.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/config/key_error.h"
#include "gui/session/session_file.h"
#include "scenarios/training/summary.h"

namespace orrery::gui {
namespace {

constexpr std::size_t kMostSteps = 1000;  // that can be undone
/// Generations whose runs are kept beside those shown: with their timelines they take hundreds of megabytes.
constexpr std::size_t kKeptRuns = 1;

QString Text(const std::string& text) { return QString::fromStdString(text); }

template <class List>
void Push(List* list, typename List::value_type item) {
  list->push_back(std::move(item));
  if (list->size() > kMostSteps) list->erase(list->begin());
}

AnswerPtr WithoutRun(const Answer& answer) {
  auto light = std::make_shared<Answer>(answer);
  light->run = nullptr;
  return light;
}

}  // namespace

Session::Session(SessionOptions options, QObject* parent)
    : QObject(parent), autosave_(std::move(options.state_folder), options.autosave) {}

Session::~Session() = default;

// Variants.

std::size_t Session::PlaceOf(int id) const {
  const auto& all = state_.variants;
  const auto it = std::find_if(all.begin(), all.end(), [id](const VariantPtr& v) { return v->id == id; });
  return static_cast<std::size_t>(it - all.begin());
}

VariantPtr Session::Find(int id) const {
  const std::size_t place = PlaceOf(id);
  return place < state_.variants.size() ? state_.variants[place] : nullptr;
}

Generation Session::GenerationOf(const std::string& hash) {
  return generations_.try_emplace(hash, generations_.size() + 1).first->second;
}

VariantPtr Session::MakeVariant(std::shared_ptr<const Plan> plan, const std::string& name) {
  auto variant = std::make_shared<Variant>();
  variant->id = next_id_++;
  variant->name = name;
  variant->generation = GenerationOf(plan->hash());
  variant->plan = std::move(plan);
  return variant;
}

template <class Make>
Change Session::Try(Make&& make) {
  try {
    return make();
  } catch (const PlacedKeyError& e) {
    return {-1, Text(e.what()), Text(e.path()), Text(e.message())};
  } catch (const InputError& e) {
    return {-1, Text(e.what()), {}, {}};
  } catch (const std::filesystem::filesystem_error& e) {
    return {-1, Text(e.path1().string() + ": " + e.code().message()), {}, {}};
  }
}

Change Session::Open(const std::string& file_or_name, const std::vector<std::string>& overrides) {
  return Try([&] { return Add(Plan::Load(file_or_name, overrides)); });
}

Change Session::Add(std::shared_ptr<const Plan> plan, const QString& name) {
  const std::string title = name.isEmpty() ? plan->name() : name.toStdString();
  const VariantPtr variant = MakeVariant(std::move(plan), title);
  State next = state_;
  next.variants.push_back(variant);
  if (next.shown < 0) next.shown = variant->id;
  Commit(std::move(next), tr("Open %1").arg(Text(title)));
  return {variant->id, {}, {}, {}};
}

Change Session::Replace(int id, std::shared_ptr<const Plan> plan, const QString& merge) {
  const std::size_t place = PlaceOf(id);
  if (place == state_.variants.size()) return {-1, tr("there is no such variant"), {}, {}};
  auto variant = std::make_shared<Variant>(*state_.variants[place]);
  const scenarios::Scenario *from = variant->plan->training(), *to = plan->training();
  variant->blind_edit = from != nullptr && to != nullptr && !FoldedTells(*from, *to);
  variant->generation = GenerationOf(plan->hash());
  variant->plan = std::move(plan);
  State next = state_;
  next.variants[place] = std::move(variant);
  Commit(std::move(next), tr("Change %1").arg(Text(Find(id)->name)), merge);
  return {id, {}, {}, {}};
}

Change Session::Edit(int id, const std::vector<std::string>& overrides, const QString& merge) {
  const VariantPtr variant = Find(id);
  if (!variant) return {-1, tr("there is no such variant"), {}, {}};
  Change change = Try([&] { return Replace(id, variant->plan->With(overrides), merge); });
  if (!change.ok() && change.key.isEmpty() && overrides.size() == 1) {  // of the value itself
    change.key = Text(overrides.front().substr(0, overrides.front().find('=')));
    change.at_key = change.error;
  }
  return change;
}

Change Session::SetText(int id, const std::string& yaml) {
  const VariantPtr variant = Find(id);
  if (!variant) return {-1, tr("there is no such variant"), {}, {}};
  const std::string& file = variant->plan->file();
  return Try([&] { return Replace(id, Plan::Parse(yaml, file, file), {}); });
}

Change Session::Pin(int id, const QString& name) {
  const std::size_t place = PlaceOf(id);
  if (place == state_.variants.size()) return {-1, tr("there is no such variant"), {}, {}};
  auto pinned = std::make_shared<Variant>(*state_.variants[place]);
  pinned->id = next_id_++;
  pinned->name = name.toStdString();
  State next = state_;
  next.variants.insert(next.variants.begin() + static_cast<std::ptrdiff_t>(place) + 1, pinned);
  Commit(std::move(next), tr("Pin %1").arg(name));
  return {pinned->id, {}, {}, {}};
}

void Session::Rename(int id, const QString& name) {
  const std::size_t place = PlaceOf(id);
  if (place == state_.variants.size() || state_.variants[place]->name == name.toStdString()) return;
  auto renamed = std::make_shared<Variant>(*state_.variants[place]);
  renamed->name = name.toStdString();
  State next = state_;
  next.variants[place] = std::move(renamed);
  Commit(std::move(next), tr("Rename to %1").arg(name));
}

void Session::Remove(int id) {
  const std::size_t place = PlaceOf(id);
  if (place == state_.variants.size()) return;
  State next = state_;
  const QString name = Text(next.variants[place]->name);
  next.variants.erase(next.variants.begin() + static_cast<std::ptrdiff_t>(place));
  if (next.against == id) next.against = -1;
  if (next.shown == id) {
    const std::size_t beside = std::min(place, next.variants.size() - std::size_t{!next.variants.empty()});
    next.shown = next.variants.empty() ? -1 : next.variants[beside]->id;
    if (next.against == next.shown) next.against = -1;
  }
  Commit(std::move(next), tr("Remove %1").arg(name));
}

void Session::Move(int id, int place) {
  const std::size_t from = PlaceOf(id);
  if (from == state_.variants.size()) return;
  const auto last = static_cast<int>(state_.variants.size()) - 1;
  const auto to = static_cast<std::size_t>(std::clamp(place, 0, last));
  if (to == from) return;
  State next = state_;
  const VariantPtr moved = next.variants[from];
  next.variants.erase(next.variants.begin() + static_cast<std::ptrdiff_t>(from));
  next.variants.insert(next.variants.begin() + static_cast<std::ptrdiff_t>(to), moved);
  Commit(std::move(next), tr("Move %1").arg(Text(moved->name)));
}

void Session::SetPrices(int id, const PriceOverrides& prices, const QString& merge) {
  const std::size_t place = PlaceOf(id);
  if (place == state_.variants.size() || state_.variants[place]->prices == prices) return;
  auto priced = std::make_shared<Variant>(*state_.variants[place]);
  priced->prices = prices;
  State next = state_;
  next.variants[place] = std::move(priced);
  Commit(std::move(next), tr("Price of %1").arg(Text(state_.variants[place]->name)), merge);
}

void Session::Show(int id) {
  if (!Find(id) || id == state_.shown) return;
  State next = state_;
  next.shown = id;
  if (next.against == id) next.against = -1;
  Become(std::move(next));
}

void Session::ShowAgainst(int id) {
  if (id == state_.shown || (id >= 0 && !Find(id))) id = -1;
  if (id == state_.against) return;
  State next = state_;
  next.against = id;
  Become(std::move(next));
}

// Undo and redo.

void Session::Commit(State next, const QString& what, const QString& merge) {
  const bool one_with_last = !merge.isEmpty() && !undo_.empty() && undo_.back().merge == merge;
  if (!one_with_last) Push(&undo_, {what, merge, state_});
  redo_.clear();
  modified_ = true;
  Become(std::move(next));
  Q_EMIT UndoChanged();
  Q_EMIT FileChanged();
}

void Session::Become(State next) {
  const State before = std::exchange(state_, std::move(next));
  LetGoOfRuns();
  KeepState();
  Announce(before);
}

void Session::Announce(const State& before) {
  std::map<int, Generation> known;
  for (const VariantPtr& v : before.variants) known[v->id] = v->generation;
  if (before.variants != state_.variants) Q_EMIT VariantsChanged();
  if (before.shown != state_.shown || before.against != state_.against) Q_EMIT ShownChanged();
  const std::vector<VariantPtr> now = state_.variants;  // whoever is told may change it
  for (const VariantPtr& v : now) {
    const auto it = known.find(v->id);
    if (it == known.end() || it->second != v->generation) Q_EMIT VariantEdited(v->id);
  }
}

void Session::Undo() {
  if (undo_.empty()) return;
  Step step = std::move(undo_.back());
  undo_.pop_back();
  if (!undo_.empty()) undo_.back().merge.clear();
  const int shown = state_.shown, against = state_.against;
  State next = std::exchange(step.before, state_);
  redo_.push_back(std::move(step));
  const auto has = [&next](int id) {
    return std::any_of(next.variants.begin(), next.variants.end(),
                       [id](const auto& v) { return v->id == id; });
  };
  if (has(shown)) next.shown = shown;
  if (against < 0 || has(against)) next.against = against == next.shown ? -1 : against;
  modified_ = true;
  Become(std::move(next));
  Q_EMIT UndoChanged();
  Q_EMIT FileChanged();
}

void Session::Redo() {
  if (redo_.empty()) return;
  Step step = std::move(redo_.back());
  redo_.pop_back();
  State next = std::exchange(step.before, state_);
  step.merge.clear();
  undo_.push_back(std::move(step));
  modified_ = true;
  Become(std::move(next));
  Q_EMIT UndoChanged();
  Q_EMIT FileChanged();
}

// Answers.

AnswerPtr Session::AnswerOf(int id, Sureness kind) const {
  const VariantPtr variant = Find(id);
  if (!variant) return nullptr;
  const auto it = answers_.find({variant->generation, kind});
  return it == answers_.end() ? nullptr : it->second;
}

AnswerPtr Session::Best(int id) const {
  AnswerPtr best;
  for (const Sureness kind : kSurenesses)
    if (AnswerPtr answer = AnswerOf(id, kind)) best = std::move(answer);
  return best;
}

AnswerPtr Session::Latest(int id) const {
  if (AnswerPtr best = Best(id)) return best;
  const auto it = latest_.find(id);
  return it == latest_.end() ? nullptr : it->second;
}

bool Session::IsCurrent(const Answer& answer) const {
  return std::any_of(state_.variants.begin(), state_.variants.end(),
                     [&](const VariantPtr& v) { return v->generation == answer.generation; });
}

std::optional<AnswerPair> Session::CommonAnswers(int base, int other) const {
  const VariantPtr a = Find(base), b = Find(other);
  if (!a || !b) return std::nullopt;
  for (auto kind = kSurenesses.rbegin(); kind != kSurenesses.rend(); ++kind) {
    AnswerPair pair{AnswerOf(base, *kind), AnswerOf(other, *kind)};
    if (!pair.base || !pair.other) continue;
    const bool tells =
        *kind != Sureness::kFolded || (a->plan->training() != nullptr && b->plan->training() != nullptr &&
                                       FoldedTells(*a->plan->training(), *b->plan->training()));
    if (tells) return pair;
  }
  return std::nullopt;
}

std::shared_ptr<const Difference> Session::DifferenceOf(int base, int other) const {
  const VariantPtr a = Find(base), b = Find(other);
  if (!a || !b) return nullptr;
  const auto it = differences_.find({a->generation, b->generation});
  return it == differences_.end() ? nullptr : it->second;
}

scenarios::RunReport Session::RunOf(int id, const Answer& answer) const {
  const VariantPtr variant = Find(id);
  if (!answer.result) return {};
  const scenarios::Scenario* scenario = variant ? variant->plan->training() : nullptr;
  if (scenario == nullptr || variant->prices == PriceOverrides{}) return answer.result->run;
  return scenarios::RunUnder(*answer.result, *scenario,
                             {variant->prices.run_tokens, variant->prices.dollars_per_gpu_hour});
}

void Session::TakeAnswer(const AnswerPtr& answer) {
  std::vector<int> askers;
  for (const VariantPtr& v : state_.variants)
    if (v->generation == answer->generation) askers.push_back(v->id);
  if (askers.empty()) return;
  answers_[{answer->generation, answer->kind}] = answer;
  // Studies of a step whose run was let go and made again are of this one: the same to the last digit.
  const auto analysed = answers_.find({answer->generation, Sureness::kAnalysed});
  AnswerPtr latest = answer;
  if (answer->kind == Sureness::kEveryGpu && analysed != answers_.end()) {
    auto whole = std::make_shared<Answer>(*analysed->second);
    whole->run = answer->run;
    if (!whole->waits) whole->waits = answer->waits;
    latest = analysed->second = whole;
  }
  if (answer->kind != Sureness::kFolded)
    for (const int id : askers) latest_[id] = latest;
  LetGoOfRuns();
  for (const int id : askers) Q_EMIT AnswerChanged(id, answer->kind);
}

void Session::TakeDifference(const Difference& difference) {
  differences_[{difference.base, difference.other}] = std::make_shared<const Difference>(difference);
  Q_EMIT DifferenceChanged();
}

/// Of every generation the surest simulation keeps its run; of generations only those shown, and the newest
/// others.
void Session::LetGoOfRuns() {
  std::set<Generation> kept;
  for (const VariantPtr& v : {Shown(), Against()})
    if (v) kept.insert(v->generation);
  std::size_t others = 0;
  for (auto v = state_.variants.rbegin(); v != state_.variants.rend() && others < kKeptRuns; ++v)
    others += kept.insert((*v)->generation).second ? 1 : 0;
  for (auto& [key, answer] : answers_) {
    if (!answer->run) continue;
    const auto& [generation, kind] = key;
    const bool surer = kind < Sureness::kEveryGpu && answers_.contains({generation, Sureness::kEveryGpu});
    if (surer || !kept.contains(generation)) answer = WithoutRun(*answer);
  }
  for (auto& [id, answer] : latest_)
    if (answer->run && !kept.contains(answer->generation)) answer = WithoutRun(*answer);
}

// Selection.

void Session::Select(const Selection& selection) {
  if (selection == selection_) return;
  Push(&back_, std::exchange(selection_, selection));
  forward_.clear();
  Q_EMIT SelectionChanged();
}

void Session::Hover(const Selection& hover) {
  if (hover == hover_) return;
  hover_ = hover;
  Q_EMIT HoverChanged();
}

void Session::GoBack() {
  if (back_.empty()) return;
  Push(&forward_, std::exchange(selection_, back_.back()));
  back_.pop_back();
  Q_EMIT SelectionChanged();
}

void Session::GoForward() {
  if (forward_.empty()) return;
  Push(&back_, std::exchange(selection_, forward_.back()));
  forward_.pop_back();
  Q_EMIT SelectionChanged();
}

// Files.

void Session::SetPage(const QString& page) {
  if (page == page_) return;
  page_ = page;
  Q_EMIT PageChanged();
}

Change Session::SaveVariant(int id, const std::string& file) {
  const VariantPtr variant = Find(id);
  if (!variant) return {-1, tr("there is no such variant"), {}, {}};
  return Try([&]() -> Change {
    const std::filesystem::path folder = std::filesystem::absolute(file).lexically_normal().parent_path();
    WriteOutput(file, variant->plan->TextFor(folder));
    return {id, {}, {}, {}};
  });
}

Change Session::SaveAs(const std::string& file) {
  return Try([&]() -> Change {
    const auto place = [this](int id) { return id < 0 ? -1 : static_cast<int>(PlaceOf(id)); };
    WriteOutput(file,
                SessionText(state_.variants, place(shown()), place(against()), page_.toStdString(), file));
    file_ = Text(file);
    modified_ = false;
    Q_EMIT FileChanged();
    return {shown(), {}, {}, {}};
  });
}

Change Session::OpenSession(const std::string& file) {
  return Try([&]() -> Change {
    const ReadSession read = LoadSession(file);
    State next;
    for (const VariantPtr& saved : read.variants) {
      auto variant = std::make_shared<Variant>(*saved);
      variant->id = next_id_++;
      variant->generation = GenerationOf(variant->plan->hash());
      next.variants.push_back(std::move(variant));
    }
    const auto id = [&](int place) {
      return place < 0 ? -1 : next.variants[static_cast<std::size_t>(place)]->id;
    };
    next.shown = id(read.saved.shown);
    next.against = id(read.saved.against) == next.shown ? -1 : id(read.saved.against);
    changed_files_ = read.changed;
    undo_.clear(), redo_.clear(), latest_.clear();
    file_ = Text(file);
    modified_ = false;
    Become(std::move(next));
    SetPage(Text(read.saved.page));
    Q_EMIT UndoChanged();
    Q_EMIT FileChanged();
    return {shown(), {}, {}, {}};
  });
}

Change Session::Recover(const QString& left_behind) {
  const Change change = OpenSession(left_behind.toStdString());
  if (!change.ok()) return change;
  file_.clear();
  modified_ = true;
  Forget(left_behind);
  Q_EMIT FileChanged();
  return change;
}

void Session::KeepState() {
  if (!autosave_.on()) return;
  try {
    const auto place = [this](int id) { return id < 0 ? -1 : static_cast<int>(PlaceOf(id)); };
    if (state_.variants.empty()) return;
    autosave_.Keep([&](const std::string& file) {
      return SessionText(state_.variants, place(shown()), place(against()), page_.toStdString(), file);
    });
    autosave_failed_ = false;
  } catch (const InputError& e) {
    if (!std::exchange(autosave_failed_, true)) Q_EMIT AutosaveFailed(Text(e.what()));
  }
}

}  // namespace orrery::gui
