# The unmodified static Paho C of libpaho-mqtt-dev, with the wraps that mqtt/paho_link.cpp implements. No LTO across it:
# link-time optimisation would resolve the wrapped calls before the linker sees them.
find_library(PAHO_STATIC NAMES libpaho-mqtt3as.a REQUIRED)
find_package(OpenSSL REQUIRED)
add_library(tributary_paho_static INTERFACE)
set(paho_wraps MQTTPacket_send_puback)
if(TRIBUTARY_PAHO_FAST_PATH)
    list(APPEND paho_wraps MQTTPacket_Factory StackTrace_entry StackTrace_exit mymalloc myfree myrealloc Log recv poll)
    target_compile_definitions(tributary_paho_static INTERFACE TRIBUTARY_PAHO_FAST_PATH=1)
endif()
foreach(symbol ${paho_wraps})
    target_link_options(tributary_paho_static INTERFACE LINKER:--wrap=${symbol})
endforeach()
target_link_libraries(tributary_paho_static INTERFACE ${PAHO_STATIC} OpenSSL::SSL OpenSSL::Crypto Threads::Threads ${CMAKE_DL_LIBS})
