#pragma once

#include "base/clock.hpp"
#include "base/file.hpp"

#include <string>
#include <utility>
#include <vector>

namespace token_introspect {

/// The files that something was read from, so that it is read again when one of them changes.
class WatchedFiles {
public:
    /// One more; an empty path is none.
    void watch(const std::string &path)
    {
        if (!path.empty()) {
            files_.emplace_back(path);
        }
    }

    /// Has `load` read all anew when a file changed: a function without arguments that gives the
    /// reason why something could not be used, or an empty text. After a failure it is called again
    /// each second. Gives the reason once, else an empty text.
    template <class Load> std::string reload(Now now, Load &&load)
    {
        bool changed = false;
        for (WatchedFile &file : files_) {
            changed = file.changed(now.monotonic_ms) || changed;
        }
        if (!changed) {
            return {};
        }
        std::string problem = load();
        if (problem.empty()) {
            for (WatchedFile &file : files_) {
                file.accept();
            }
        }
        const bool reported = problem == problem_;
        problem_ = problem;
        return reported ? std::string() : std::move(problem);
    }

private:
    std::vector<WatchedFile> files_;
    std::string problem_;  // of the last reload, as reported
};

}  // namespace token_introspect
