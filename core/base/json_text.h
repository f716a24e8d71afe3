// The text of a result in JSON.
#pragma once

#include <string>

namespace orrery {

/// `json` (of nlohmann) indented, with a line break at its end. Bytes that are no UTF-8, which the name of a
/// file may hold, are replaced: it is JSON whatever was in it.
template <typename Json>
std::string JsonText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace orrery
