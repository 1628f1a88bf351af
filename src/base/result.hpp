// SPDX-License-Identifier: Apache-2.0
// Result<T>: the value, or the reason why there is none. Everything that can fail at run time returns one;
// exceptions of third parties end in the room that includes them. An Error carries a stable code that
// docs/errors.md explains ("TRB-STORE-003") and a sentence for people. Not for broken invariants: see TRB_ASSERT.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace tributary::base {

struct Error {
    std::string code;     // stable, "TRB-<ROOM>-<NNN>"; a row of docs/errors.md
    std::string message;  // one sentence: what failed, where, and what to do when that is known

    std::string text() const { return code + ": " + message; }
};

template <class T = void>
class [[nodiscard]] Result {
  public:
    Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
    Result(Error error) : data_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

    bool ok() const { return data_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() & { return std::get<0>(data_); }
    const T& value() const& { return std::get<0>(data_); }
    T&& value() && { return std::get<0>(std::move(data_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    const Error& error() const { return std::get<1>(data_); }

  private:
    std::variant<T, Error> data_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

    bool ok() const { return ok_; }
    explicit operator bool() const { return ok_; }
    const Error& error() const { return error_; }

  private:
    Error error_;
    bool ok_ = true;
};

// Logs the broken invariant with its place and aborts; systemd starts a fresh process.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace tributary::base

#define TRB_ASSERT(condition) \
    ((condition) ? static_cast<void>(0) : ::tributary::base::assertion_failed(#condition, __FILE__, __LINE__))
