# axi_cdc: the paths between the two clocks of every async_fifo, for Vivado. Read it after both clocks are defined; it is needed if the
# design has an axi_cdc (qwen3_accel with HbmClock = 1).
#
# The proof of async_fifo lets each bit of a pointer be late by less than a period of the clock that changes it: that is what is demanded here,
# of the delay and of the skew. No set_clock_groups and no set_false_path between the two clocks: they would switch these off. ASYNC_REG is
# set in synchroniser.sv.

proc cells {pattern} {
  set found [get_cells -quiet $pattern]
  if {[llength $found] == 0} { error "axi_cdc.tcl: no cell is named $pattern" }
  return $found
}

proc period {cell} {
  set clock [get_clocks -of_objects [get_pins "$cell/C"]]
  if {[llength $clock] != 1} { error "axi_cdc.tcl: [llength $clock] clocks at $cell, wanted one" }
  return [get_property PERIOD $clock]
}

set synchronisers [get_cells -quiet -hierarchical -filter {NAME =~ */u_wr_seen/sync_q_reg[0][0]}]
if {[llength $synchronisers] == 0} { error "axi_cdc.tcl: found no async_fifo" }
foreach synchroniser $synchronisers {
  set fifo [string range $synchroniser 0 [string last "/u_wr_seen/" $synchroniser]-1]
  # pointers, gray: register of one side to the first flip-flop of the other
  foreach {pointer seen} {wr_gray_q_reg u_wr_seen rd_gray_q_reg u_rd_seen} {
    set from [cells "$fifo/$pointer\[*\]"]
    set to [cells "$fifo/$seen/sync_q_reg\[0\]\[*\]"]
    set limit [period [lindex $from 0]]
    set_max_delay -datapath_only -from $from -to $to $limit
    set_bus_skew -from $from -to $to $limit
  }
  # words: written at least two edges of the reader's clock before they are read
  set to [cells "$fifo/out_q_reg\[*\]"]
  set_max_delay -datapath_only -from [cells "$fifo/mem_reg*"] -to $to [period [lindex $to 0]]
}
