#include "issuer/client_registry.hpp"

#include "temporary_directory.hpp"

#include <crypt.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <algorithm>
#include <ctime>
#include <limits>

namespace token_introspect::issuer {
namespace {

using token_introspect::test::TemporaryDirectory;

std::string crypt_string(const std::string &secret, const char *prefix, unsigned long cost)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    EXPECT_NE(crypt_gensalt_rn(prefix, cost, "some bytes as salt, not random", 30, setting,
                               sizeof(setting)),
              nullptr);
    crypt_data data{};
    return crypt_r(secret.c_str(), setting, &data);
}

std::string cheap(const std::string &secret)
{
    return crypt_string(secret, "$2b$", 4);
}

Client client(const std::string &id, const std::string &secret, bool active = true)
{
    Client made;
    made.id = id;
    made.secret = secret;
    made.active = active;
    return made;
}

Client with_file(const std::string &id, const std::string &path)
{
    Client made;
    made.id = id;
    made.secret_file = path;
    return made;
}

ClientRegistry registry_of(const std::vector<Client> &clients)
{
    auto loaded = ClientRegistry::load(clients);
    EXPECT_TRUE(loaded) << loaded.error();
    return loaded ? std::move(*loaded) : ClientRegistry();
}

std::string refusal(const std::vector<Client> &clients)
{
    const auto loaded = ClientRegistry::load(clients);
    EXPECT_EQ(ERR_peek_error(), 0U);
    return loaded ? "taken" : loaded.error();
}

Now at(std::uint64_t monotonic_ms)
{
    return {.unix_s = 1'700'000'000, .monotonic_ms = monotonic_ms};
}

TEST(IssuerClientRegistry, KnowsPlainSecrets)
{
    const std::vector<Client> clients{client("app", "s3cret"), client("other", "an0ther"),
                                      client("odd", std::string("with\0nul $ and ü", 16))};
    ClientRegistry registry = registry_of(clients);
    EXPECT_EQ(registry.authenticate("app", "s3cret"), &clients[0]);
    EXPECT_EQ(registry.authenticate("other", "an0ther"), &clients[1]);
    EXPECT_EQ(registry.authenticate("odd", clients[2].secret), &clients[2]);
    for (const char *wrong : {"", "s3cre", "s3cret ", "S3cret", "an0ther"}) {
        EXPECT_EQ(registry.authenticate("app", wrong), nullptr) << wrong;
    }
    EXPECT_EQ(registry.authenticate("App", "s3cret"), nullptr);
    EXPECT_EQ(registry.authenticate("", "s3cret"), nullptr);
    EXPECT_EQ(registry.authenticate("nobody", "s3cret"), nullptr);
    EXPECT_EQ(registry.authenticate("nobody", ""), nullptr);
    EXPECT_EQ(registry.authenticate("odd", "with"), nullptr);
}

TEST(IssuerClientRegistry, KnowsCryptStringsOfAllKinds)
{
    std::vector<Client> clients;
    for (const auto &[prefix, cost] :
         std::initializer_list<std::pair<const char *, unsigned long>>{{"$y$", 1},
                                                                       {"$gy$", 1},
                                                                       {"$6$", 1000},
                                                                       {"$5$", 1000},
                                                                       {"$2b$", 4},
                                                                       {"$2y$", 4},
                                                                       {"$2a$", 4}})
    {
        clients.push_back(client(prefix, crypt_string("s3cret", prefix, cost)));
    }
    ClientRegistry registry = registry_of(clients);
    for (const Client &one : clients) {
        EXPECT_EQ(registry.authenticate(one.id, "wrong"), nullptr) << one.id;
        for (int round = 0; round < 3; round++) {  // computed, then remembered
            EXPECT_EQ(registry.authenticate(one.id, "s3cret"), &one) << one.id;
            EXPECT_EQ(registry.authenticate(one.id, "s3crets"), nullptr) << one.id;
            EXPECT_EQ(registry.authenticate(one.id, ""), nullptr) << one.id;
        }
        // the string is no secret: whoever reads the configuration does not have it
        EXPECT_EQ(registry.authenticate(one.id, one.secret), nullptr) << one.id;
    }
}

// crypt(3) stops at a NUL.
TEST(IssuerClientRegistry, TakesNoSecretThatCryptReadsInPart)
{
    const std::vector<Client> clients{client("app", cheap("s3cret"))};
    ClientRegistry registry = registry_of(clients);
    const std::string longer("s3cret\0more", 11);
    EXPECT_EQ(registry.authenticate("app", longer), nullptr);
    EXPECT_EQ(registry.authenticate("app", "s3cret"), &clients[0]);
    EXPECT_EQ(registry.authenticate("app", longer), nullptr);
    EXPECT_EQ(registry.authenticate("app", std::string(100'000, 'x')), nullptr);
}

TEST(IssuerClientRegistry, HidesInactiveClients)
{
    const std::vector<Client> clients{client("plain", "s3cret", false),
                                      client("hashed", cheap("s3cret"), false),
                                      client("active", "s3cret")};
    ClientRegistry registry = registry_of(clients);
    for (int round = 0; round < 2; round++) {
        EXPECT_EQ(registry.authenticate("plain", "s3cret"), nullptr);
        EXPECT_EQ(registry.authenticate("hashed", "s3cret"), nullptr);
    }
    EXPECT_EQ(registry.find("plain"), nullptr);
    EXPECT_EQ(registry.find("hashed"), nullptr);
    EXPECT_EQ(registry.find("active"), &clients[2]);
    EXPECT_EQ(registry.find("nobody"), nullptr);
}

TEST(IssuerClientRegistry, IsEmptyUntilItIsLoaded)
{
    ClientRegistry none;
    EXPECT_EQ(none.authenticate("app", "s3cret"), nullptr);
    EXPECT_EQ(none.find("app"), nullptr);
    EXPECT_EQ(none.reload_changed_files(at(1000)), "");
    const std::vector<Client> clients;
    ClientRegistry empty = registry_of(clients);
    EXPECT_EQ(empty.authenticate("app", "s3cret"), nullptr);
}

TEST(IssuerClientRegistry, RefusesBadSecrets)
{
    EXPECT_EQ(refusal({client("app", "")}), "client \"app\": an empty secret");
    EXPECT_EQ(refusal({client("app", "one"), client("app", "two")}),
              "two clients with the id \"app\"");
    const std::string good = cheap("s3cret");
    EXPECT_EQ(refusal({client("app", good)}), "taken");
    const std::string yescrypt = crypt_string("s3cret", "$y$", 1);
    std::string spaced = good;
    spaced.back() = ' ';
    for (const std::string &bad :
         {good.substr(0, good.size() - 1), good + "x", good + "\n", spaced,
          yescrypt.substr(0, yescrypt.size() - 1), yescrypt.substr(0, yescrypt.rfind('$')),
          std::string("$y$"), std::string("$6$salt"), crypt_string("s3cret", "$1$", 0),
          std::string("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"), "$9$" + good.substr(4),
          std::string("$2b$99") + good.substr(6), std::string("$2b$03") + good.substr(6),
          std::string("$2b$1$") + good.substr(6)})
    {
        const std::string reason = refusal({client("app", bad)});
        EXPECT_TRUE(reason.starts_with("client \"app\": a crypt(3) string ")) << bad;
        EXPECT_EQ(reason.find(good.substr(10)), std::string::npos);
    }
    // dollars alone make no crypt(3) string
    for (const char *plain : {"$", "$$", "$ecret", "$A$B", "a$6$b", "$mone y$"}) {
        EXPECT_EQ(refusal({client("app", plain)}), "taken") << plain;
    }
}

// A guess costs the event loop the time of one crypt(3).
TEST(IssuerClientRegistry, BoundsWhatACryptStringCosts)
{
    const auto taken = [](const std::string &setting, std::size_t last) {
        return refusal({client("app", setting + std::string(last, 'x'))});
    };
    const std::string salt = "abcdefghijklmnopqrstuu";
    for (const char *kind : {"$2b$", "$2a$", "$2y$"}) {
        EXPECT_EQ(taken(kind + ("12$" + salt), 31), "taken");
        for (const char *cost : {"13", "20", "31"}) {
            EXPECT_EQ(taken(kind + (cost + ("$" + salt)), 31),
                      "client \"app\": a crypt(3) string with a cost above 12: each wrong secret "
                      "would hold up the worker");
        }
    }
    for (const auto &[kind, last] : {std::pair{"$5$", 43U}, std::pair{"$6$", 86U}}) {
        for (const char *rounds : {"", "rounds=1000$", "rounds=100000$"}) {
            EXPECT_EQ(taken(std::string(kind) + rounds + "salt$", last), "taken");
        }
        for (const char *rounds : {"100001", "999999999", "99999999999999999999"}) {
            EXPECT_EQ(taken(std::string(kind) + "rounds=" + rounds + "$salt$", last),
                      "client \"app\": a crypt(3) string with more than 100000 rounds: each wrong "
                      "secret would hold up the worker");
        }
        for (const char *rounds : {"", "x", "-1", "+5000", " 5000", "05000", "5000x"}) {
            EXPECT_EQ(taken(std::string(kind) + "rounds=" + rounds + "$salt$", last),
                      "client \"app\": a crypt(3) string that crypt(3) does not know")
                << rounds;
        }
    }
    for (const std::string kind : {"$y$", "$gy$"}) {
        for (const char *parameters : {"j75", "j9T", "jBT", "jB.", "j/T"}) {
            EXPECT_EQ(taken(kind + parameters + "$saltsalt$", 43), "taken") << parameters;
        }
        for (const char *parameters : {"jCT", "jFT", "jaT", "jBU", "jBz", "j9T.", "j9T/1", "jzz."})
        {
            EXPECT_EQ(taken(kind + parameters + "$saltsalt$", 43),
                      "client \"app\": a crypt(3) string with parameters above \"jBT\" (cost 7 of "
                      "mkpasswd): each wrong secret would hold up the worker")
                << parameters;
        }
        EXPECT_EQ(taken(kind + "j9$saltsalt$", 43),
                  "client \"app\": a crypt(3) string that crypt(3) does not know");
    }
    EXPECT_EQ(refusal({client("app", crypt_string("s3cret", "$7$", 6))}),
              "client \"app\": a crypt(3) string of a kind that is not accepted ($y$, $6$, $5$ and "
              "$2b$ are)");
}

TEST(IssuerClientRegistry, KnowsWhatIsPlainOrWasRightBefore)
{
    const std::vector<Client> clients{client("plain", "s3cret"), client("hashed", cheap("s3cret")),
                                      client("gone", "s3cret", false),
                                      client("hashed-gone", cheap("s3cret"), false)};
    ClientRegistry registry = registry_of(clients);
    EXPECT_TRUE(registry.computes_crypt());
    EXPECT_EQ(registry.knows("plain", "s3cret"), &clients[0]);
    EXPECT_EQ(registry.knows("hashed", "s3cret"), nullptr);  // not yet
    EXPECT_EQ(registry.authenticate("hashed", "s3cret"), &clients[1]);
    EXPECT_EQ(registry.knows("hashed", "s3cret"), &clients[1]);
    for (const auto &[id, secret] :
         {std::pair{"plain", "wrong"}, std::pair{"hashed", "wrong"}, std::pair{"gone", "s3cret"},
          std::pair{"hashed-gone", "s3cret"}, std::pair{"nobody", "s3cret"}, std::pair{"", ""},
          std::pair{"plain", ""}, std::pair{"hashed", ""}})
    {
        EXPECT_EQ(registry.authenticate(id, secret), nullptr) << id;
        EXPECT_EQ(registry.knows(id, secret), nullptr) << id;
    }
    const std::vector<Client> plain{clients[0], clients[2]};
    EXPECT_FALSE(registry_of(plain).computes_crypt());
    EXPECT_FALSE(ClientRegistry().computes_crypt());
    EXPECT_EQ(ClientRegistry().knows("plain", "s3cret"), nullptr);
}

TEST(IssuerClientRegistry, TakesNoEmptySecretWhateverTheStringIsOf)
{
    const std::vector<Client> clients{client("app", cheap(""))};
    ClientRegistry registry = registry_of(clients);
    EXPECT_EQ(registry.authenticate("app", ""), nullptr);
    EXPECT_EQ(registry.knows("app", ""), nullptr);
}

TEST(IssuerClientRegistry, ReadsSecretsFromFiles)
{
    TemporaryDirectory directory;
    const std::vector<Client> clients{
        with_file("plain", directory.write("plain", "s3cret\n")),
        with_file("hashed", directory.write("hashed", cheap("s3cret") + "\r\n"))};
    ClientRegistry registry = registry_of(clients);
    EXPECT_EQ(registry.authenticate("plain", "s3cret"), &clients[0]);
    EXPECT_EQ(registry.authenticate("plain", "s3cret\n"), nullptr);
    EXPECT_EQ(registry.authenticate("hashed", "s3cret"), &clients[1]);

    EXPECT_NE(refusal({with_file("app", directory.path("none"))}).find("No such file"),
              std::string::npos);
    const std::string empty = directory.write("empty", "\n");
    EXPECT_EQ(refusal({with_file("app", empty)}),
              "client \"app\": an empty secret in \"" + empty + "\"");
}

TEST(IssuerClientRegistry, ReadsFilesAgainThatChanged)
{
    TemporaryDirectory directory;
    const std::vector<Client> clients{with_file("one", directory.write("one", "first")),
                                      with_file("two", directory.write("two", cheap("first"))),
                                      client("three", "stays")};
    ClientRegistry registry = registry_of(clients);
    ASSERT_NE(registry.authenticate("two", "first"), nullptr);  // and is remembered

    directory.write("one", cheap("second"));
    directory.write("two", cheap("second"));
    EXPECT_EQ(registry.reload_changed_files(at(1000)), "");
    for (const char *id : {"one", "two"}) {
        EXPECT_EQ(registry.authenticate(id, "first"), nullptr) << id;
        EXPECT_NE(registry.authenticate(id, "second"), nullptr) << id;
    }
    EXPECT_NE(registry.authenticate("three", "stays"), nullptr);

    directory.write("one", "third");
    EXPECT_EQ(registry.reload_changed_files(at(1500)), "");  // not asked again within a second
    EXPECT_EQ(registry.authenticate("one", "third"), nullptr);
    EXPECT_EQ(registry.reload_changed_files(at(2500)), "");
    EXPECT_NE(registry.authenticate("one", "third"), nullptr);
}

TEST(IssuerClientRegistry, KeepsTheLastGoodSecrets)
{
    TemporaryDirectory directory;
    const std::string path = directory.write("one", "first");
    const std::vector<Client> clients{with_file("one", path),
                                      with_file("two", directory.write("two", "first"))};
    ClientRegistry registry = registry_of(clients);

    // a bad file does not hold up the other's change, and one hears of it once
    directory.write("one", "");
    directory.write("two", "second");
    EXPECT_EQ(registry.reload_changed_files(at(1000)),
              "client \"one\": an empty secret in \"" + path + "\"");
    EXPECT_EQ(registry.reload_changed_files(at(2000)), "");
    EXPECT_NE(registry.authenticate("one", "first"), nullptr);
    EXPECT_EQ(registry.authenticate("one", ""), nullptr);
    EXPECT_NE(registry.authenticate("two", "second"), nullptr);
    EXPECT_EQ(registry.authenticate("two", "first"), nullptr);

    directory.write("one", "third");
    EXPECT_EQ(registry.reload_changed_files(at(3000)), "");
    EXPECT_NE(registry.authenticate("one", "third"), nullptr);
    EXPECT_EQ(registry.authenticate("one", "first"), nullptr);
}

// Processor time, the least of some rounds: other processes do not count.
double cost_of(ClientRegistry &registry, std::string_view id, std::string_view secret)
{
    double least = std::numeric_limits<double>::max();
    for (int round = 0; round < 3; round++) {
        timespec begin{};
        timespec end{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        registry.authenticate(id, secret);
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        least = std::min(least, static_cast<double>(end.tv_sec - begin.tv_sec)
                                    + static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e9);
    }
    return least;
}

// One crypt(3), never none and never two: else a stranger learns which ids there are.
TEST(IssuerClientRegistry, TakesOneCryptForEveryFailure)
{
    const std::string hash = crypt_string("s3cret", "$2b$", 7);
    const std::vector<Client> clients{client("hashed", hash), client("plain", "s3cret"),
                                      client("hashed-inactive", hash, false),
                                      client("plain-inactive", "s3cret", false)};
    ClientRegistry registry = registry_of(clients);
    const double one = cost_of(registry, "hashed", "wrong");
    const std::vector<std::pair<const char *, const char *>> failures{{"nobody", "wrong"},
                                                                      {"nobody", "s3cret"},
                                                                      {"", ""},
                                                                      {"plain", "wrong"},
                                                                      {"plain-inactive", "s3cret"},
                                                                      {"plain-inactive", "wrong"},
                                                                      {"hashed-inactive", "s3cret"},
                                                                      {"hashed-inactive", "wrong"},
                                                                      {"hashed", ""}};
    for (const auto &[id, secret] : failures) {
        const double cost = cost_of(registry, id, secret);
        EXPECT_GT(cost, one / 2) << id << " " << secret;
        EXPECT_LT(cost, one * 1.8) << id << " " << secret;
    }
    // who is right pays once
    ASSERT_NE(registry.authenticate("hashed", "s3cret"), nullptr);
    EXPECT_LT(cost_of(registry, "hashed", "s3cret"), one / 10);
    EXPECT_GT(cost_of(registry, "hashed", "wrong"), one / 2);
    EXPECT_LT(cost_of(registry, "plain", "s3cret"), one / 10);
}

// Strings of different costs: an id that nobody has is as slow as one of them, always the same.
TEST(IssuerClientRegistry, GivesUnknownIdsACostOfTheirOwn)
{
    const std::vector<Client> clients{client("cheap", crypt_string("s3cret", "$2b$", 4)),
                                      client("dear", crypt_string("s3cret", "$2b$", 7))};
    ClientRegistry registry = registry_of(clients);
    ClientRegistry of_another_worker = registry_of(clients);
    const double dear = cost_of(registry, "dear", "wrong");
    int as_dear = 0;
    for (int i = 0; i < 12; i++) {
        const std::string id = "nobody" + std::to_string(i);
        const bool here = cost_of(registry, id, "wrong") > dear / 2;
        const bool there = cost_of(of_another_worker, id, "wrong") > dear / 2;
        EXPECT_EQ(here, there) << id;
        as_dear += here ? 1 : 0;
    }
    EXPECT_GT(as_dear, 0);
    EXPECT_LT(as_dear, 12);
}

}  // namespace
}  // namespace token_introspect::issuer
