// row_table_pkg: why row_table refused a job. The numbers are what cause_o and the golden model carry.
package row_table_pkg;
  typedef enum logic [2:0] {
    CauseNone      = 3'd0,
    CauseCode      = 3'd1,  // k_code or c_code names more than the elaborated maximum
    CausePositions = 3'd2,  // zero, or not a multiple of Lanes
    CausePasses    = 3'd3,  // zero
    CauseCapacity  = 3'd4   // more than one pass over a table that does not fit on chip
  } cause_e;
endpackage
