# For `snakemake` in a checkout: a module is looked for in the folder of this file, so that the package need not be installed
# to read a config, and with it the rules.
include: "workflow/Snakefile"


# which an included file does not set
workflow.default_target = "all"
