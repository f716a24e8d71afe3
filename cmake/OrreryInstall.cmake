# What `cmake --install` puts beside the program, and `cpack -G DEB`, which makes a package of it.

# orrery_install_data(FOLDER WORDS...): the data that Orrery reads, into a folder of the prefix; WORDS are install()'s.
function(orrery_install_data where)
  foreach(folder models/data hw/data docs/examples)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/ DESTINATION ${where}/${folder} ${ARGN})
  endforeach()
  file(GLOB scenario_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/scenarios/*.yaml)  # sources lie beside them
  install(FILES ${scenario_files} DESTINATION ${where}/scenarios ${ARGN})
endfunction()

orrery_install_data(share/orrery COMPONENT orrery)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION share/doc/orrery COMPONENT orrery
  FILES_MATCHING PATTERN "*.md" PATTERN examples EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION share/doc/orrery COMPONENT orrery)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION share/doc/orrery RENAME copyright COMPONENT orrery)
# The device half goes where the program looks for it; it is no part of the package, which a machine without a GPU takes too.
if(TARGET orrery-device)
  install(TARGETS orrery-device RUNTIME DESTINATION lib/orrery COMPONENT device)
endif()
if(TARGET orrery_injection)
  install(TARGETS orrery_injection LIBRARY DESTINATION lib/orrery COMPONENT device)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME orrery)
set(CPACK_PACKAGE_VENDOR Orrery)
set(CPACK_PACKAGE_CONTACT "The Orrery maintainers")
set(CPACK_PACKAGE_DESCRIPTION "Orrery simulates training steps of mixture-of-experts models with latent attention GPU by GPU,
prices kernels from published measurements, compares attention designs and routing strategies, and says of every answer
where it comes from and how sure it is.")
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};Orrery;orrery;/")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
