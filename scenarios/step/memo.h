// Remembers what was derived from a key before, for as many types of keys and values as there are.
//
//   const std::shared_ptr<const Prices> prices = memo.Get<Prices>(PriceKey{...}, [&] { return PriceAll(...); });
//
// The key holds everything that the value depends on and is compared with ==. All functions may be called
// from several threads at once; two threads that miss the same key at once both make its value, which is why
// a value has to be a function of its key alone.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <typeindex>
#include <typeinfo>
#include <utility>
#include <vector>

namespace orrery::scenarios {

class Memo {
 public:
  /// Values kept of one type of key, unless it is asked for with another number; the oldest goes first.
  static constexpr std::size_t kMost = 64;

  template <class Value, class Key, class Make>
  std::shared_ptr<const Value> Get(const Key& key, const Make& make, std::size_t most = kMost) {
    if (auto known = Find<Value>(key)) return known;
    auto made =
        std::make_shared<const Value>(make());  // not under the lock: it may take long, or ask for others
    const std::lock_guard lock(mutex_);
    List<Key, Value>& list = ListOf<Key, Value>();
    if (auto known = list.Find(key)) return known;
    list.Add(key, made, most);
    return made;
  }

 private:
  struct AnyList {
    virtual ~AnyList() = default;
  };
  template <class Key, class Value>
  struct List : AnyList {
    std::vector<std::pair<Key, std::shared_ptr<const Value>>> entries;
    std::size_t oldest = 0;

    std::shared_ptr<const Value> Find(const Key& key) const {
      for (const auto& [known, value] : entries)
        if (known == key) return value;
      return nullptr;
    }
    void Add(const Key& key, std::shared_ptr<const Value> value, std::size_t most) {
      if (entries.size() < most) {
        entries.emplace_back(key, std::move(value));
      } else {
        entries[oldest++ % most] = {key, std::move(value)};
      }
    }
  };

  template <class Value, class Key>
  std::shared_ptr<const Value> Find(const Key& key) {
    const std::lock_guard lock(mutex_);
    return ListOf<Key, Value>().Find(key);
  }
  template <class Key, class Value>
  List<Key, Value>& ListOf() {
    std::unique_ptr<AnyList>& list = lists_[typeid(List<Key, Value>)];
    if (!list) list = std::make_unique<List<Key, Value>>();
    return static_cast<List<Key, Value>&>(*list);
  }

  std::mutex mutex_;
  std::map<std::type_index, std::unique_ptr<AnyList>> lists_;
};

}  // namespace orrery::scenarios
