// row_synth_pkg: why row_synth refused a job. The numbers are what cause_o carries.
package row_synth_pkg;
  typedef enum logic [1:0] {
    CauseNone   = 2'd0,
    CauseCode   = 2'd1,  // code names more centroids than the elaborated maximum
    CauseBlocks = 2'd2,  // zero
    CauseShift  = 2'd3   // above MaxShift
  } cause_e;
endpackage
