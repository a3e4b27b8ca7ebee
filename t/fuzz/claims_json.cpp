// Two ways from JSON to a claims image: ClaimsParser, and Jansson's tree with build_claims. Aborts
// where they differ.
//
// Built by tools/fuzz for libFuzzer; with -DREPLAY it is a program that takes files.

#include "base/json.hpp"
#include "base/text.hpp"
#include "token/claims.hpp"
#include "token/claims_parse.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

using namespace token_introspect;

using Image = Result<std::vector<std::uint8_t>>;

Image by_tree(std::string_view text, const JsonLimits &limits)
{
    const Result<Json> object = parse_json_object(text, limits);
    return object ? token::build_claims(object->get()) : std::unexpected(object.error());
}

void need(bool is, const char *what, const Image &tree, const Image &direct)
{
    if (!is) {
        std::fprintf(stderr, "%s: tree %s, direct %s\n", what,
                     tree ? "good" : std::string(tree.error().text).c_str(),
                     direct ? "good" : std::string(direct.error().text).c_str());
        std::abort();
    }
}

}  // namespace

// libFuzzer's name and types
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    static token::ClaimsParser *const reused = new token::ClaimsParser;
    const std::string_view text = as_text({data, size});
    for (const std::size_t depth : {std::size_t{3}, std::size_t{16}}) {
        const JsonLimits limits{.bytes = 4096, .depth = depth};
        const Image tree = by_tree(text, limits);
        const Image direct = reused->parse(text, limits);
        need(tree.has_value() == direct.has_value(), "accepted by one", tree, direct);
        if (tree) {
            need(*tree == *direct, "another image", tree, direct);
        } else {
            need(tree.error().code == direct.error().code, "another code", tree, direct);
        }
    }
    return 0;
}

#ifdef REPLAY
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; ++i) {
        std::FILE *const file = std::fopen(argv[i], "rb");
        if (file == nullptr) {
            std::perror(argv[i]);
            return 1;
        }
        std::vector<std::uint8_t> bytes(65536);
        bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
        std::fclose(file);
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    std::printf("%d inputs, no difference\n", argc - 1);
}
#endif
