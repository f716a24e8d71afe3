// Texts of the library as Qt's.
#pragma once

#include <QString>
#include <string_view>

namespace orrery::gui {

inline QString Text(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

}  // namespace orrery::gui
