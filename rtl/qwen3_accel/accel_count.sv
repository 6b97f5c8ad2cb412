// accel_count: what the sequencer tells the counters and the watchdog of accel_regs: whose turn a cycle is, stalls, beats.
//
// The operation that began first of those under way is the one at work. Nothing here holds a run up, so everything is told
// late; sums of many bits are sums of four, three times.
//
// Latency:  at_work_o 1 cycle, turn and stalls 2, progress 3, beats 4. So beats of a run's last cycles are not counted in it:
//           none move then, the token has been chosen and given out since the last one.
//
// Parameters:
//   Width  beats of a class that can move in a cycle, at most 127
// Ports:
//   active_i, before_i, start_i  of accel_execute; op_i: operations of the stations
//   number_i     of the last descriptor that began
//   lacks_i      the station waits for constants; line_i: a line or logits moved
//   beats_i      they move
//   at_work_o    number of the descriptor at work; attending_o: of the attention's, which reads ahead
module accel_count
  import accel_pkg::*;
  import accel_regs_pkg::*;
#(
    parameter int unsigned Width = 68
) (
    input  logic                                  clk_i,
    input  logic [Stations-1:0]                   active_i,
    input  logic [Stations-1:0][Stations-1:0]     before_i,
    input  logic [Stations-1:0]                   start_i,
    input  logic [Stations-1:0][         3:0]     op_i,
    input  logic [        15:0]                   number_i,
    input  logic [Stations-1:0]                   lacks_i,
    input  logic                                  line_i,
    input  logic [ Classes-1:0][   Width-1:0]     beats_i,
    output logic [        15:0]                   at_work_o,
    output logic [        15:0]                   attending_o,
    output logic [         3:0]                   turn_o,
    output logic                                  stall_memory_o,
    output logic                                  stall_dependency_o,
    output logic                                  progress_o,
    output logic [ Classes-1:0][         6:0]     beats_o
);
  localparam int unsigned Fours = (Width + 3) / 4;
  localparam int unsigned Sixteens = (Fours + 3) / 4;
  if (Width < 1 || Width > 127) $error("%m: Width is %0d, allowed: 1..127", Width);

  // ---- the operation at work -------------------------------------------------------------------------------------------
  // Its station does not begin another one in the cycle after its last, so its number and its operation are the same then.
  logic [Stations-1:0][15:0] numbers_q;
  logic [Stations-1:0] oldest_q, lacks_q;
  logic [15:0] number_q;
  logic line_q;
  logic [3:0] working;
  wire waits = (oldest_q & lacks_q) != '0;
  assign attending_o = numbers_q[AttendIn];
  always_comb begin
    at_work_o = number_q;
    working   = OpNone;
    for (int unsigned u = 0; u < Stations; u++) begin
      if (oldest_q[u]) begin
        at_work_o = numbers_q[u];
        working   = op_i[u];
      end
    end
  end
  always_ff @(posedge clk_i) begin
    for (int unsigned u = 0; u < Stations; u++) begin
      oldest_q[u] <= active_i[u] && before_i[u] == '0;
      if (start_i[u]) numbers_q[u] <= number_i;
    end
    number_q <= number_i;
    lacks_q  <= lacks_i;
    line_q   <= line_i;
    turn_o   <= (working == OpNone) ? 4'(UnitControl)
        : (working == OpSearch || working == OpGather) ? 4'(UnitLinearSynth) : working;
    stall_memory_o     <= waits;
    stall_dependency_o <= oldest_q != '0 && !waits && !line_q;
  end

  // ---- beats -----------------------------------------------------------------------------------------------------------
  logic [Classes-1:0][4*Fours-1:0] moved_q;  // with zeros, to whole fours
  logic [Classes-1:0][4*Sixteens-1:0][2:0] fours_q;
  logic [Classes-1:0][Sixteens-1:0][4:0] sixteens_q;
  logic [Classes-1:0] some_q;
  function automatic logic [6:0] total(input logic [Sixteens-1:0][4:0] parts);
    total = '0;
    for (int unsigned n = 0; n < Sixteens; n++) total = total + 7'(parts[n]);
  endfunction
  always_ff @(posedge clk_i) begin
    for (int unsigned c = 0; c < Classes; c++) begin
      moved_q[c] <= (4 * Fours)'(beats_i[c]);
      some_q[c]  <= moved_q[c] != '0;
      fours_q[c] <= '0;
      for (int unsigned n = 0; n < Fours; n++) fours_q[c][n] <= 3'($countones(moved_q[c][4*n+:4]));
      for (int unsigned n = 0; n < Sixteens; n++)
        sixteens_q[c][n] <= (5'(fours_q[c][4*n]) + 5'(fours_q[c][4*n+1])) + (5'(fours_q[c][4*n+2]) + 5'(fours_q[c][4*n+3]));
      beats_o[c] <= total(sixteens_q[c]);
    end
    progress_o <= some_q != '0 || line_q;
  end
endmodule
