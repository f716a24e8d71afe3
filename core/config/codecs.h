// Codecs of numbers, quantities, choices, lists, maps and alternatives, for core/config/fields.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/units.h"
#include "core/config/fields.h"

namespace orrery {

/// What letters may shorten a number of `unit`.
template <class T>
CountSuffix SuffixOf(const std::string& unit) {
  if (!unit.starts_with("token")) return CountSuffix::kNone;
  return std::is_integral_v<T> ? CountSuffix::kLength : CountSuffix::kAmount;
}

/// A whole number, written without its unit and read with it or without.
template <class T>
Codec<T> Whole(std::int64_t least, std::int64_t most, std::string unit = "") {
  Codec<T> c;
  c.type = {FieldType::Kind::kWhole,
            "whole number",
            std::move(unit),
            static_cast<double>(least),
            static_cast<double>(most),
            {},
            {}};
  c.read = [least, most, word = c.type.unit](const Value& v) {
    return static_cast<T>(word.empty() ? v.AsInt(least, most)
                                       : v.AsCount(word, least, most, SuffixOf<T>(word)));
  };
  c.write = [](const T& value) { return Written::Scalar(std::to_string(value)); };
  return c;
}

inline Codec<double> Number(double least, double most, std::string unit = "") {
  Codec<double> c;
  c.type = {FieldType::Kind::kNumber, "number", std::move(unit), least, most, {}, {}};
  c.read = [=](const Value& v) { return v.AsDouble(least, most); };
  c.write = [](const double& value) { return Written::Scalar(NumberText(value)); };
  return c;
}

/// "15360 sequences": whole, written with its unit (plural) and read with it or without.
template <class T>
Codec<T> Count(std::string unit, std::int64_t least, std::int64_t most) {
  Codec<T> c;
  c.type = {FieldType::Kind::kQuantity,
            "number of " + unit + ", with the word or without",
            unit,
            static_cast<double>(least),
            static_cast<double>(most),
            {},
            {}};
  c.read = [=](const Value& v) { return static_cast<T>(v.AsCount(unit, least, most, SuffixOf<T>(unit))); };
  c.write = [=](const T& value) { return Written::Scalar(CountText(static_cast<double>(value), unit)); };
  return c;
}

Codec<Bytes> Size();
Codec<BytesPerSecond> Rate();
Codec<FlopsPerSecond> FlopsRate();
Codec<Time> Duration();
Codec<bool> Flag();
/// Any text; `offered` names those that are at hand, for forms.
Codec<std::string> Text(std::string words = "text", std::vector<std::string> offered = {});

/// One of the names, each with its value.
template <class E>
Codec<E> Choice(std::vector<std::pair<std::string, E>> names) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : names) texts.push_back(name);
  Codec<E> c;
  c.type = {FieldType::Kind::kChoice, "choice", "", {}, {}, texts, {}};
  c.read = [names, texts](const Value& v) { return names[v.AsChoice(texts)].second; };
  c.write = [names](const E& value) {
    for (const auto& [name, known] : names) {
      if (known == value) return Written::Scalar(name);
    }
    ORRERY_CHECK(false, "a value without a name");
    return Written::Scalar("");
  };
  return c;
}

/// Absent where the key is not given.
template <class T>
Codec<std::optional<T>> Maybe(Codec<T> inner) {
  Codec<std::optional<T>> c;
  c.type = inner.type;
  c.read = [read = inner.read](const Value& v) { return std::optional<T>(read(v)); };
  c.write = [write = inner.write](const std::optional<T>& value) {
    return value ? write(*value) : Written::Scalar("");
  };
  if (inner.read_over) {
    c.read_over = [inner](const Value& v, const std::optional<T>& base) {
      return std::optional<T>(base ? inner.read_over(v, *base) : inner.read(v));
    };
    c.write_changed = [inner](const std::optional<T>& value, const std::optional<T>& base) {
      if (!value) return Written::Scalar("");
      return base ? inner.write_changed(*value, *base) : inner.write(*value);
    };
  }
  return c;
}

template <class T>
Codec<std::vector<T>> ListOf(Codec<T> inner, std::size_t least = 0, std::size_t most = 4096) {
  Codec<std::vector<T>> c;
  c.type = {FieldType::Kind::kList, "list of: " + inner.type.words,
            inner.type.unit,        inner.type.least,
            inner.type.most,        inner.type.choices,
            inner.type.fields};
  c.read = [=, read = inner.read](const Value& v) {
    const std::size_t count = v.items().size();
    if (count < least)
      throw v.Error("expected at least " + std::to_string(least) + (least == 1 ? " item" : " items"));
    if (count > most) throw v.Error("expected at most " + std::to_string(most) + " items");
    std::vector<T> list;
    for (const Value& item : v.items()) list.push_back(read(item));
    return list;
  };
  c.write = [write = inner.write](const std::vector<T>& list) {
    Written w = Written::List();
    for (const T& item : list) w.items.push_back(write(item));
    return w;
  };
  return c;
}

/// A map with the fields of S.
template <class S>
Codec<S> MapOf(const Fields<S>& fields) {
  Codec<S> c;
  c.type = {FieldType::Kind::kMap, "map", "", {}, {}, {}, fields.Infos()};
  c.read = [&fields](const Value& v) { return fields.Read(v); };
  c.write = [&fields](const S& s) { return fields.Write(s); };
  c.read_over = [&fields](const Value& v, const S& base) { return fields.ReadOver(v, base); };
  c.write_changed = [&fields](const S& s, const S& base) { return fields.WriteChanged(s, base); };
  return c;
}

/// Where something can be named by a preset, changed from one, or given whole.
template <class S>
struct Presets {
  std::function<std::vector<std::string>()> names;
  std::function<S(const std::string&)> load;
  std::function<std::string(const S&)> name_of;  ///< the preset that a value came from, or another name
  std::string noun;                              ///< "model", "cluster"
};

/// `NAME`, `{preset: NAME, override: {...}}` or a whole map. A value is written by its preset's name, with
/// what differs.
template <class S>
Codec<S> PresetOr(const Fields<S>& fields, Presets<S> presets) {
  Codec<S> c;
  c.type = {FieldType::Kind::kMap,
            "name of a " + presets.noun + ", {preset: NAME, override: {...}}, or a map",
            "",
            {},
            {},
            {},
            fields.Infos()};
  const auto load = [presets](const Value& name) {
    const std::vector<std::string> known = presets.names();
    return presets.load(known[name.AsChoice(known)]);
  };
  c.read = [&fields, load](const Value& v) {
    if (!v.is_map()) return load(v);
    const Value* preset = v.Find("preset");
    if (preset == nullptr) return fields.Read(v);
    v.AllowKeys({"preset", "override"});
    const Value* changes = v.Find("override");
    return changes == nullptr ? load(*preset) : fields.ReadOver(*changes, load(*preset));
  };
  c.write = [&fields, presets](const S& s) {
    const std::vector<std::string> known = presets.names();
    const std::string name = presets.name_of(s);
    if (std::find(known.begin(), known.end(), name) == known.end()) return fields.Write(s);
    Written changes = fields.WriteChanged(s, presets.load(name));
    if (changes.items.empty()) return Written::Scalar(name);
    // A preset's value cannot be taken away by an override.
    if (std::any_of(changes.items.begin(), changes.items.end(), IsAbsent)) return fields.Write(s);
    Written map = Written::Map();
    map.Add("preset", Written::Scalar(name));
    map.Add("override", std::move(changes));
    return map;
  };
  return c;
}

/// The first of several ways to write a value that reads back equal to it.
template <class S>
std::optional<Written> FirstThatReadsBack(const std::vector<Written>& ways, const S& value,
                                          const std::function<S(const Value&)>& read) {
  for (const Written& way : ways) {
    Written map = Written::Map();
    map.Add("value", way);
    try {
      if (read(Document::Parse(YamlText(map), "written").root().At("value")) == value) return way;
    } catch (const InputError&) {
      // It cannot be written this way: a preset's value is to be taken away, say.
    }
  }
  return std::nullopt;
}

/// A map whose key `kind` says which of several structs it holds; the other keys are that struct's.
template <class Variant>
class Alternatives {
 public:
  template <class S>
  Alternatives& Add(std::string kind, const Fields<S>& fields) {
    kinds_.push_back(kind);
    infos_.push_back(fields.Infos());
    readers_.push_back([&fields](const Value& v) { return Variant(fields.Read(v)); });
    writers_.push_back([&fields](const Variant& v) -> std::optional<Written> {
      const S* s = std::get_if<S>(&v);
      return s == nullptr ? std::nullopt : std::optional<Written>(fields.Write(*s));
    });
    return *this;
  }
  const std::vector<std::string>& kinds() const { return kinds_; }
  const std::vector<FieldInfo>& infos(std::size_t i) const { return infos_[i]; }

  Codec<Variant> ToCodec() const {
    Codec<Variant> c;
    c.type = {FieldType::Kind::kMap, "map; its kind says which keys", "", {}, {}, kinds_, Merged()};
    c.read = [*this](const Value& v) { return readers_[v.At("kind").AsChoice(kinds_)](v.Without("kind")); };
    c.write = [*this](const Variant& v) {
      for (std::size_t i = 0; i < writers_.size(); ++i) {
        const std::optional<Written> own = writers_[i](v);
        if (!own) continue;
        Written map = Written::Map();
        map.Add("kind", Written::Scalar(kinds_[i]));
        for (std::size_t k = 0; k < own->keys.size(); ++k) map.Add(own->keys[k], own->items[k]);
        return map;
      }
      ORRERY_CHECK(false, "a workload of no known kind");
      return Written::Map();
    };
    return c;
  }

 private:
  /// The keys of all kinds, each said to belong to its kind.
  std::vector<FieldInfo> Merged() const {
    std::vector<FieldInfo> all;
    FieldInfo kind;
    kind.key = "kind";
    kind.help = "what is asked";
    kind.type = {FieldType::Kind::kChoice, "choice", "", {}, {}, kinds_, {}};
    kind.required = true;
    all.push_back(kind);
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      for (FieldInfo info : infos_[i]) {
        if (info.only_for.empty()) info.only_for = "kind " + kinds_[i];
        all.push_back(std::move(info));
      }
    }
    return all;
  }

  std::vector<std::string> kinds_;
  std::vector<std::vector<FieldInfo>> infos_;
  std::vector<std::function<Variant(const Value&)>> readers_;
  std::vector<std::function<std::optional<Written>(const Variant&)>> writers_;
};

}  // namespace orrery
