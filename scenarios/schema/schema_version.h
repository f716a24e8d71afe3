// What keys were called before: old scenarios go on being read, and `orrery migrate` rewrites them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/codecs.h"
#include "core/config/document.h"

namespace orrery::scenarios {

/// Of the keys that this program writes. 1: until the exchange kernels were named by `exchange` everywhere.
inline constexpr int kSchemaVersion = 2;

/// `communication.sms` -> `exchange.sms`; any other path as it is.
std::string CurrentKey(const std::string& path);

/// Gives old keys their current names, each value keeping its place and, for messages, the path that the user
/// wrote. Notes what was renamed (Document::notes). InputError where a document has a key under both names.
void UseCurrentKeys(Document* document);

/// The key `schema_version`: refuses a document that is newer than this program, writes the current one.
template <class S>
void AddSchemaVersion(Fields<S>* fields) {
  FieldType type{FieldType::Kind::kWhole, "whole number", "", 1, kSchemaVersion, {}, {}};
  fields
      ->AddWith(
          "schema_version", type,
          [](const Value& v, S*) {
            if (v.AsInt(1, 1 << 30) > kSchemaVersion) {
              throw v.Error("expected at most " + std::to_string(kSchemaVersion) +
                            ": the file is for a newer Orrery");
            }
          },
          [](const S&) { return Written::Scalar(std::to_string(kSchemaVersion)); },
          "of these keys, so that a later Orrery reads them as they are meant")
      .DefaultText(std::to_string(kSchemaVersion))
      .WrittenIf([](const S&) { return false; });
}

}  // namespace orrery::scenarios
