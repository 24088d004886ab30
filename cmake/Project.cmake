# What every target of the project is compiled and linked with.
add_library(project_options INTERFACE)
target_compile_features(project_options INTERFACE cxx_std_20)
target_include_directories(project_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(project_options INTERFACE NS_DEBUG_VERSION="${PROJECT_VERSION}")
target_compile_options(project_options INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
if(NS_DEBUG_WERROR)
  target_compile_options(project_options INTERFACE -Werror)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # A privileged program: overflow checks, immediate binding, read-only relocations.
  # -Wno-restrict: GCC 12 at -O2 sees overlaps in std::string that cannot be (GCC bug 105329).
  target_compile_options(project_options INTERFACE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -Wno-restrict
                                                   -ffunction-sections -fdata-sections)
  target_link_options(project_options INTERFACE -Wl,-z,relro,-z,now -Wl,--gc-sections)
endif()

if(NS_DEBUG_SANITIZE)
  if(NS_DEBUG_SANITIZE MATCHES "thread" AND NS_DEBUG_SANITIZE MATCHES "address")
    message(FATAL_ERROR "NS_DEBUG_SANITIZE: thread and address exclude each other; use two presets")
  endif()
  # Not vptr: its check reads memory through a pipe, and without a descriptor for one (a test takes all
  # of the agent's) it reports what is none.
  target_compile_options(project_options INTERFACE -fsanitize=${NS_DEBUG_SANITIZE} -fno-sanitize=vptr
                                                   -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(project_options INTERFACE -fsanitize=${NS_DEBUG_SANITIZE})
  # ThreadSanitizer does not know fences, and Asio has some: it may report a race that is none.
  if(NS_DEBUG_SANITIZE MATCHES "thread")
    target_compile_options(project_options INTERFACE -Wno-tsan)
  endif()
endif()

# What libFuzzer sees of the code it drives; only its own programs are linked with it.
if(NS_DEBUG_FUZZ)
  target_compile_options(project_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# nsdebug_library(NAME sources... [LINK libraries...]): one library per folder, named as the folder.
function(nsdebug_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC project_options ${ARG_LINK})
endfunction()
