// What is compared and what is known of it: variants in order, their answers, the selection, undo and redo.
//
//   Session session;
//   const int base = session.Open("deepseek-v3-pretraining").id;
//   const int wide = session.Pin(base, "EP32");
//   session.Edit(wide, {"parallelism.expert=32"});
//   Runner runner(&session);                       // answers arrive: AnswerChanged(id, kind)
//   session.Best(wide)->result->step_s;
#pragma once

#include <QObject>
#include <QString>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gui/session/answer.h"
#include "gui/session/autosave.h"
#include "gui/session/selection.h"
#include "gui/session/variant.h"

namespace orrery::gui {

/// What came of something that may be refused: the reader's own words where it was.
struct Change {
  int id = -1;    ///< the variant that was made or changed; -1: none was
  QString error;  ///< empty: done
  /// The key that the error is about, "parallelism.expert", and what is said of it alone: for a message at its
  /// control. Empty where it is about no key that is known.
  QString key, at_key;
  bool ok() const { return error.isEmpty(); }
};

struct SessionOptions {
  QString state_folder;  ///< of autosaved sessions; empty: the user's
  bool autosave = true;
};

class Session : public QObject {
  Q_OBJECT

 public:
  explicit Session(SessionOptions options = {}, QObject* parent = nullptr);
  ~Session() override;

  // Variants, in order. Ids stay; -1 names none.
  const std::vector<VariantPtr>& variants() const { return state_.variants; }
  VariantPtr Find(int id) const;  ///< null where there is none
  int shown() const { return state_.shown; }
  int against() const { return state_.against; }
  VariantPtr Shown() const { return Find(shown()); }
  VariantPtr Against() const { return Find(against()); }

  /// Opens a scenario as another variant and shows it, if none was shown.
  Change Open(const std::string& file_or_name, const std::vector<std::string>& overrides = {});
  Change Add(std::shared_ptr<const Plan> plan, const QString& name = {});
  /// Keys changed as by --set; refused as a whole where that does not go together. Successive edits with one
  /// `merge` that is not empty, as of a slider that is dragged, are undone as one.
  Change Edit(int id, const std::vector<std::string>& overrides, const QString& merge = {});
  /// The scenario's whole text.
  Change SetText(int id, const std::string& yaml);
  /// A copy behind the variant, with its answers.
  Change Pin(int id, const QString& name);
  void Rename(int id, const QString& name);
  void Remove(int id);
  void Move(int id, int place);
  void SetPrices(int id, const PriceOverrides& prices, const QString& merge = {});
  void Show(int id);
  void ShowAgainst(int id);  ///< -1: nothing beside

  // Undo and redo over all of the above but Show and ShowAgainst.
  bool CanUndo() const { return !undo_.empty(); }
  bool CanRedo() const { return !redo_.empty(); }
  QString UndoText() const { return undo_.empty() ? QString() : undo_.back().what; }
  QString RedoText() const { return redo_.empty() ? QString() : redo_.back().what; }
  void Undo();
  void Redo();

  // Answers.
  /// Of what the variant asks now; null where there is none yet.
  AnswerPtr AnswerOf(int id, Sureness kind) const;
  AnswerPtr Best(int id) const;
  /// The best there is, else the last good one of an earlier edit, which the caller labels as such:
  /// IsCurrent(*answer) is false.
  AnswerPtr Latest(int id) const;
  bool IsCurrent(const Answer& answer) const;
  /// Two answers of the surest kind that both have; folded ones only where they tell of a difference.
  std::optional<AnswerPair> CommonAnswers(int base, int other) const;
  /// How the step of `other` differs under the same draws; null where that was not asked for.
  std::shared_ptr<const Difference> DifferenceOf(int base, int other) const;
  /// Days and dollars of an answer under the variant's prices.
  scenarios::RunReport RunOf(int id, const Answer& answer) const;
  /// From a runner. Those of a generation that no variant has any more are dropped.
  void TakeAnswer(const AnswerPtr& answer);
  void TakeDifference(const Difference& difference);

  // Selection, with a way back; hover is lighter and has none.
  const Selection& selection() const { return selection_; }
  const Selection& hover() const { return hover_; }
  void Select(const Selection& selection);
  void Hover(const Selection& hover);
  bool CanGoBack() const { return !back_.empty(); }
  bool CanGoForward() const { return !forward_.empty(); }
  void GoBack();
  void GoForward();

  // Files.
  const QString& page() const { return page_; }
  void SetPage(const QString& page);
  const QString& file() const { return file_; }  ///< of the session; empty: it has none yet
  bool modified() const { return modified_; }    ///< since it was saved or opened
  /// A variant as a scenario that `orrery run` reads.
  Change SaveVariant(int id, const std::string& file);
  Change SaveAs(const std::string& file);
  /// Takes the place of all there is. Files that changed since are in changed_files().
  Change OpenSession(const std::string& file);
  const std::vector<std::string>& changed_files() const { return changed_files_; }
  /// Sessions that a program which ended badly left behind, oldest first.
  QStringList LeftBehind() const { return autosave_.LeftBehind(); }
  /// Opens one of them as a session without a file of its own, or forgets it.
  Change Recover(const QString& left_behind);
  void Forget(const QString& left_behind) { autosave_.Forget(left_behind); }

 Q_SIGNALS:
  void VariantsChanged();      ///< which there are, their order, names or prices
  void VariantEdited(int id);  ///< it asks another thing now, or is new
  void ShownChanged();         ///< which is shown, or against which
  void AnswerChanged(int id, orrery::gui::Sureness kind);
  void DifferenceChanged();
  void SelectionChanged();
  void HoverChanged();
  void UndoChanged();
  void PageChanged();
  void FileChanged();                       ///< file() or modified()
  void AutosaveFailed(const QString& why);  ///< told once until it works again

 private:
  struct State {
    std::vector<VariantPtr> variants;
    int shown = -1, against = -1;
  };
  struct Step {
    QString what, merge;
    State before;
  };

  std::size_t PlaceOf(int id) const;  ///< variants().size() where there is none
  Generation GenerationOf(const std::string& hash);
  VariantPtr MakeVariant(std::shared_ptr<const Plan> plan, const std::string& name);
  Change Replace(int id, std::shared_ptr<const Plan> plan, const QString& merge);
  void Commit(State next, const QString& what, const QString& merge = {});
  void Become(State next);
  void Announce(const State& before);
  void LetGoOfRuns();
  void KeepState();
  template <class Make>
  Change Try(Make&& make);

  State state_;
  std::vector<Step> undo_, redo_;
  int next_id_ = 0;
  std::map<std::string, Generation> generations_;  ///< by hash
  std::map<std::pair<Generation, Sureness>, AnswerPtr> answers_;
  std::map<int, AnswerPtr> latest_;  ///< by variant, never folded
  std::map<std::pair<Generation, Generation>, std::shared_ptr<const Difference>> differences_;
  Selection selection_, hover_;
  std::vector<Selection> back_, forward_;
  QString page_, file_;
  bool modified_ = false, autosave_failed_ = false;
  std::vector<std::string> changed_files_;
  gui::Autosave autosave_;
};

}  // namespace orrery::gui
