// What an empty window shows: the scenarios that come with Orrery, each with its question, and what may be dropped.
#pragma once

#include <QStringList>
#include <QWidget>

namespace orrery::gui {

class StartPage : public QWidget {
  Q_OBJECT

 public:
  explicit StartPage(QWidget* parent = nullptr);
  /// Sessions that a program which ended badly left behind; empty: none is offered.
  void Offer(const QStringList& left_behind);

 Q_SIGNALS:
  void OpenAsked(const QString& file_or_name);
  void ChooseAsked();
  void RecoverAsked(const QString& left_behind);
  void ForgetAsked(const QString& left_behind);

 private:
  QWidget* offers_;
};

}  // namespace orrery::gui
