// hbm_streamer_pkg: why an hbm_streamer stopped. The numbers are what error_cause_o and the golden model carry.
package hbm_streamer_pkg;
  typedef enum logic [3:0] {
    CauseNone      = 4'd0,
    CauseSlvErr    = 4'd1,  // the memory answered SLVERR
    CauseDecErr    = 4'd2,  // the memory answered DECERR
    CauseDescAlign = 4'd3,  // address or length is not a multiple of a beat
    CauseDescZero  = 4'd4,  // length 0
    CauseDescRange = 4'd5,  // the last byte lies past the end of the address space
    CauseProtocol  = 4'd6   // RLAST at the wrong beat, wrong RID, EXOKAY, or a beat nobody asked for
  } cause_e;
endpackage
